#pragma once

#include "core/graph/op.h"
#include "kernels/window2d.h"

namespace slipway {

struct Pool2dOptions {
  std::array<std::int64_t, 2> kernel{1, 1};  // height, width
  Window2d window;
};

/// Maximum over windows: x [batch, channels, height, width] -> y, and the place of each maximum in its
/// window, which the gradient reads. Output sizes are those of Conv2d; padding never wins, and must be
/// smaller than the window. float32, float64; cuda: also float16, bfloat16.
class MaxPool2d : public Op {
 public:
  explicit MaxPool2d(const Pool2dOptions& options);

  std::string_view name() const override { return "max_pool2d"; }
  std::string attributes() const override;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  void to_onnx(OnnxSink& sink) const override;
  LayoutRule layout_rule() const override { return LayoutRule::channels; }
  InputPrecision input_precision(int) const override { return InputPrecision::follows; }

 private:
  Pool2dOptions options_;
};

/// Mean over windows; padding counts as zeros if count_include_pad, else not at all. Dilation must be 1.
class AvgPool2d : public Op {
 public:
  struct Options : Pool2dOptions {
    bool count_include_pad = true;
  };
  explicit AvgPool2d(const Options& options);

  std::string_view name() const override { return "avg_pool2d"; }
  std::string attributes() const override;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  void to_onnx(OnnxSink& sink) const override;
  LayoutRule layout_rule() const override { return LayoutRule::channels; }
  InputPrecision input_precision(int) const override { return InputPrecision::follows; }

 private:
  Options options_;
};

}  // namespace slipway
