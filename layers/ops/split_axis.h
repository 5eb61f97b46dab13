#pragma once

#include "core/graph/op.h"

namespace slipway {

/// Cuts a value along an axis into parts of the given sizes; any dtype.
class SplitAxis : public Op {
 public:
  SplitAxis(int axis, std::vector<std::int64_t> sizes) : axis_(axis), sizes_(std::move(sizes)) {}

  std::string_view name() const override { return "split"; }
  std::string attributes() const override;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  void to_onnx(OnnxSink& sink) const override;
  InputPrecision input_precision(int) const override { return InputPrecision::follows; }

 private:
  int axis_;
  std::vector<std::int64_t> sizes_;
};

}  // namespace slipway
