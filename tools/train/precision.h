#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/config_node.h"
#include "core/graph/graph.h"
#include "core/tensor/device.h"

namespace slipway {

/// How a model is computed; its parameters are float32 in any case.
enum class Precision {
  float32,
  tf32,      // float32, whose products may round their factors: MatrixPrecision::tf32
  bfloat16,  // mixed: products and what follows them in 16 bits (lower_precision)
  float16    // the same, with loss scaling
};

/// "float32", ..., as a configuration says it.
std::vector<std::string> precision_names();
std::string to_string(Precision precision);
Precision parse_precision(const std::string& name);

/// The 16-bit type of mixed precision, if it is one.
std::optional<DType> reduced_dtype(Precision precision);
/// Whether gradients are so small in this type that the loss has to be scaled.
bool needs_loss_scaling(Precision precision);

/// How streams of this precision compute products of float32 values.
MatrixPrecision matrix_precision(Precision precision);

/// UserError at `where` unless the device computes in that precision.
void require_precision(Device device, Precision precision, const SourcePosition& where);
/// The precision in which a model is evaluated: that of its training where the device computes in it, else
/// float32.
Precision precision_on(Device device, Precision trained);

/// The graph of a model, before its gradients, in a precision.
Graph in_precision(Graph graph, Precision precision);

}  // namespace slipway
