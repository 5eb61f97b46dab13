#pragma once

#include "core/graph/op.h"

namespace slipway {

/// Replaces columns of a table x [batch, columns] by indicators: size 0 keeps a column, size n makes n
/// columns of 0 and 1; a value that is no integer in [0, n), so also NaN, gives n zeros. float32, float64; no
/// gradient.
class OneHotColumns : public Op {
 public:
  explicit OneHotColumns(std::vector<std::int64_t> sizes) : sizes_(std::move(sizes)) {}

  std::string_view name() const override { return "one_hot_columns"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext&) const override { return {Value{}}; }
  void to_onnx(OnnxSink& sink) const override;

 private:
  std::vector<std::int64_t> sizes_;
};

}  // namespace slipway
