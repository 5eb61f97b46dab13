#pragma once

#include "core/graph/op.h"
#include "kernels/softmax.h"

namespace slipway {

/// y = e^x / Σ e^x along one axis, which may be counted from the end, or the logarithm of that. float32,
/// float64.
class Softmax : public Op {
 public:
  explicit Softmax(std::int64_t axis = -1, SoftmaxKind kind = SoftmaxKind::softmax)
      : axis_(axis), kind_(kind) {}

  std::string_view name() const override { return kind_ == SoftmaxKind::softmax ? "softmax" : "log_softmax"; }
  std::string attributes() const override { return text("axis=", axis_); }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  Cost cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const override;
  void to_onnx(OnnxSink& sink) const override;
  std::vector<InPlace> in_place() const override { return {{.output = 0, .input = 0}}; }

 private:
  std::int64_t axis_;
  SoftmaxKind kind_;
};

}  // namespace slipway
