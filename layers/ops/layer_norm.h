#pragma once

#include "core/graph/op.h"

namespace slipway {

/// Normalises over the axes from `axis` (counted from the end if negative) to the last:
/// (x [outer..., width...], scale [width...] if any, shift [width...] if any) -> (y, mean [outer...], rstd
/// [outer...]). The second and third output serve the gradient. Everything but x and y is of the accumulator
/// of x's dtype.
class LayerNorm : public Op {
 public:
  struct Options {
    std::int64_t axis = -1;
    double epsilon = 1e-5;
    bool scale = true;
    bool shift = true;
  };
  explicit LayerNorm(const Options& options) : options_(options) {}

  std::string_view name() const override { return "layer_norm"; }
  std::string attributes() const override {
    return text("axis=", options_.axis, " epsilon=", options_.epsilon);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  Cost cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const override;
  void to_onnx(OnnxSink& sink) const override;
  std::vector<InPlace> in_place() const override { return {{.output = 0, .input = 0}}; }
  InputPrecision input_precision(int input) const override {
    return input == 0 ? InputPrecision::follows : InputPrecision::full;
  }

 private:
  int axis(const Shape& shape) const { return normalize_axis(options_.axis, shape.rank(), "layer_norm"); }
  Options options_;
};

}  // namespace slipway
