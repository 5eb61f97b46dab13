#pragma once

#include "tools/onnx/onnx_graph.h"

namespace slipway {

/// Drops nodes that only pass a value on.
void remove_identities(OnnxGraph& graph);

/// Computes each Transpose of an initializer.
void fold_transposes(OnnxGraph& graph);

/// Folds each BatchNormalization that alone reads a Conv or Gemm with constant weights into those weights.
void fold_batch_normalization(OnnxGraph& graph);

/// Drops initializers that no node reads.
void remove_unused_initializers(OnnxGraph& graph);

}  // namespace slipway
