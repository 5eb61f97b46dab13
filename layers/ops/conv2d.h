#pragma once

#include "core/graph/op.h"
#include "kernels/conv2d.h"

namespace slipway {

struct Conv2dOptions {
  Window2d window;
  std::int64_t groups = 1;
  bool bias = false;
  /// Set by fusion: y = activation(convolution + residual).
  bool residual = false;
  Activation activation = Activation::none;
};

/// Two-dimensional cross-correlation, as every framework's "convolution":
///   x [batch, in, height, width], weight [out, in / groups, kernel height, kernel width], bias [out] if
///   options.bias, residual like y if options.residual -> y [batch, out, output height, output width],
///   output size = floor((size + padding - dilation (kernel - 1) - 1) / stride) + 1.
/// float32, float64; cuda: also float16, bfloat16. groups == in == out is depthwise.
class Conv2d : public Op {
 public:
  explicit Conv2d(const Conv2dOptions& options);
  const Conv2dOptions& options() const { return options_; }

  std::string_view name() const override { return "conv2d"; }
  std::string attributes() const override;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  Cost cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const override;
  void to_onnx(OnnxSink& sink) const override;
  std::vector<InPlace> in_place() const override;
  LayoutRule layout_rule() const override { return LayoutRule::chosen; }
  LayoutChoice choose_layouts(const Stream& stream, std::span<const ValueType> inputs,
                              std::span<const ValueType> outputs) const override;
  OpPtr fuse_consumer(int output, const Op& consumer, int input) const override;
  InputPrecision input_precision(int) const override { return InputPrecision::reduced; }

 private:
  int residual_input() const { return options_.bias ? 3 : 2; }

  Conv2dOptions options_;
};

}  // namespace slipway
