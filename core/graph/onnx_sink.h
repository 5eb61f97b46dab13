#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/tensor/tensor.h"

namespace slipway {

/// An attribute of an ONNX node: {"axis", 1}, {"alpha", 0.1f}, {"pads", {1, 1, 1, 1}}, {"mode", "linear"}.
struct OnnxAttribute {
  using Variant =
      std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>, std::vector<float>>;
  OnnxAttribute(std::string name, int value) : name(std::move(name)), value(std::int64_t{value}) {}
  OnnxAttribute(std::string name, std::int64_t value) : name(std::move(name)), value(value) {}
  OnnxAttribute(std::string name, float value) : name(std::move(name)), value(value) {}
  OnnxAttribute(std::string name, double value) : name(std::move(name)), value(static_cast<float>(value)) {}
  OnnxAttribute(std::string name, const char* value) : name(std::move(name)), value(std::string(value)) {}
  OnnxAttribute(std::string name, std::vector<std::int64_t> value)
      : name(std::move(name)), value(std::move(value)) {}
  OnnxAttribute(std::string name, const Dims& dims)
      : name(std::move(name)), value(std::vector<std::int64_t>(dims.begin(), dims.end())) {}

  std::string name;
  Variant value;
};

/// Receives the ONNX form (opset 17) of one node of the graph.
class OnnxSink {
 public:
  virtual ~OnnxSink() = default;
  /// Number, names and types of the node's values.
  virtual int inputs() const = 0;
  virtual std::string input(int i) const = 0;
  virtual std::string output(int i) const = 0;
  virtual const ValueType& input_type(int i) const = 0;
  virtual const ValueType& output_type(int i) const = 0;

  /// Emits an ONNX node that writes the named outputs ("" leaves an optional one out).
  virtual void emit(std::string_view op_type, std::vector<std::string> inputs,
                    std::vector<std::string> outputs, std::vector<OnnxAttribute> attributes = {}) = 0;
  /// Emits a node with one intermediate result and returns its name.
  virtual std::string node(std::string_view op_type, std::vector<std::string> inputs,
                           std::vector<OnnxAttribute> attributes = {}) = 0;
  /// An initializer; `hint` becomes part of its name.
  virtual std::string constant(const Tensor& value, std::string_view hint) = 0;
  /// A shape tensor of output `i` for Reshape: the batch dimension, which varies, is -1.
  virtual std::string shape_of_output(int i) = 0;
  /// A shape tensor of output `i` for Expand, which has no -1: computed from the model's input if it varies.
  virtual std::string expanded_shape_of_output(int i) = 0;
  /// The value of an input that is a parameter, state or constant of the model, for folding; else undefined.
  virtual Tensor input_value(int i) const = 0;
};

}  // namespace slipway
