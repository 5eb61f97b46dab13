#pragma once

#include "core/graph/op.h"

namespace slipway {

/// y = a b for matrices in the last two axes: a [batch..., rows, inner], b [batch..., inner, columns], the
/// batch axes equal -> y [batch..., rows, columns]. A transposed operand has its last two axes exchanged.
/// float32, float64; cuda: also float16, bfloat16.
class MatMul : public Op {
 public:
  struct Options {
    bool transpose_a = false;
    bool transpose_b = false;
  };
  explicit MatMul(const Options& options) : options_(options) {}
  MatMul() = default;

  std::string_view name() const override { return "matmul"; }
  std::string attributes() const override;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  Cost cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const override;
  void to_onnx(OnnxSink& sink) const override;
  InputPrecision input_precision(int) const override { return InputPrecision::reduced; }

 private:
  Options options_;
};

}  // namespace slipway
