#pragma once

#include "core/graph/op.h"
#include "kernels/activation.h"

namespace slipway {

/// y = x weightᵀ + bias over the last axis: x [..., in], weight [out, in], bias [out] if asked for ->
/// y [..., out]. float32, float64; cuda: also float16, bfloat16. Fusion appends an activation.
class Linear : public Op {
 public:
  struct Options {
    bool bias = true;
    Activation activation = Activation::none;
  };
  explicit Linear(const Options& options) : options_(options) {}
  Linear() = default;

  std::string_view name() const override { return "linear"; }
  std::string attributes() const override { return options_.activation == Activation::relu ? "relu" : ""; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  Cost cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const override;
  void to_onnx(OnnxSink& sink) const override;
  LayoutRule layout_rule() const override { return LayoutRule::chosen; }
  LayoutChoice choose_layouts(const Stream& stream, std::span<const ValueType> inputs,
                              std::span<const ValueType> outputs) const override;
  OpPtr fuse_consumer(int output, const Op& consumer, int input) const override;
  InputPrecision input_precision(int) const override { return InputPrecision::reduced; }

 private:
  Options options_;
};

}  // namespace slipway
