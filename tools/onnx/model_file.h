#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "tools/onnx/onnx_graph.h"

namespace slipway {

/// What a model file holds besides the graph.
struct OnnxModelInfo {
  std::string name = "slipway";                      // of the graph
  std::string description = {};                      // doc_string of the model
  std::map<std::string, std::string> metadata = {};  // metadata_props
};

/// Weights of more bytes than this go to a file of their own: protobuf can't read more than 2 GiB.
inline constexpr std::int64_t kInlineWeightBytes = std::int64_t{1} << 30;

/// Writes DIR/NAME.onnx with opset 17 and IR version 8; large weights go to DIR/NAME.onnx_data beside it.
/// Each file is replaced as a whole or not at all, the weights first.
void write_onnx_model(const OnnxGraph& graph, const OnnxModelInfo& info, const std::string& path,
                      std::int64_t inline_weight_bytes = kInlineWeightBytes);

}  // namespace slipway
