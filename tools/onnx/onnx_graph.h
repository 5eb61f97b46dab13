#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "core/graph/onnx_sink.h"
#include "core/tensor/tensor.h"

namespace slipway {

/// A node of an ONNX graph; "" among the inputs leaves an optional one out.
struct OnnxNode {
  std::string op_type;
  std::string name;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<OnnxAttribute> attributes = {};

  /// The attribute of that name, or null.
  const OnnxAttribute* attribute(std::string_view name) const;
};

/// An input or output of the model. A dimension is a number or has a name, such as batch_size.
struct OnnxValueInfo {
  using Dimension = std::variant<std::int64_t, std::string>;
  std::string name;
  DType dtype = DType::float32;
  std::vector<Dimension> shape;
};

/// A model as ONNX sees it, before it is written: passes work on this, and only the writer knows protobuf.
struct OnnxGraph {
  std::vector<OnnxNode> nodes;  // in an order in which they can run
  std::map<std::string, Tensor> initializers;
  std::vector<OnnxValueInfo> inputs;
  std::vector<OnnxValueInfo> outputs;

  bool is_output(const std::string& value) const;
  /// How many nodes read a value, and outputs are it.
  int uses(const std::string& value) const;
  /// `value` with a number behind it if something of that name exists.
  std::string unused_name(const std::string& value) const;
};

}  // namespace slipway
