#pragma once

#include "core/graph/op.h"

namespace slipway {

/// Mean over all pixels: x [batch, channels, height, width] -> y [batch, channels]. float32, float64; cuda:
/// also float16, bfloat16.
class GlobalAvgPool : public Op {
 public:
  std::string_view name() const override { return "global_avg_pool"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  void to_onnx(OnnxSink& sink) const override;
  LayoutRule layout_rule() const override { return LayoutRule::channels; }
  InputPrecision input_precision(int) const override { return InputPrecision::follows; }
};

/// Maximum over all pixels: x [batch, channels, height, width] -> y [batch, channels], and the pixel of each
/// maximum, which the gradient reads.
class GlobalMaxPool : public Op {
 public:
  std::string_view name() const override { return "global_max_pool"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  void to_onnx(OnnxSink& sink) const override;
  LayoutRule layout_rule() const override { return LayoutRule::channels; }
  InputPrecision input_precision(int) const override { return InputPrecision::follows; }
};

}  // namespace slipway
