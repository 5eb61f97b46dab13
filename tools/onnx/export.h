#pragma once

#include "tools/onnx/model_file.h"
#include "tools/onnx/translate.h"

namespace slipway {

/// Translates, folds and writes a graph of fixed sizes; see translate_to_onnx.
void write_onnx(const Graph& graph, const Variables& variables, const std::string& path,
                const OnnxModelInfo& info = {});
/// The same for a graph that is built for any batch size.
void write_onnx(const std::function<Graph(std::int64_t batch_size)>& build, const Variables& variables,
                const std::string& path, const OnnxModelInfo& info = {});

}  // namespace slipway
