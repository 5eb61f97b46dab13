#pragma once

#include "core/graph/op.h"

namespace slipway {

/// The part [begin, end) of a value, with one pair of bounds an axis; any dtype.
class Slice : public Op {
 public:
  Slice(const Dims& begin, const Dims& end) : begin_(begin), end_(end) {}

  std::string_view name() const override { return "slice"; }
  std::string attributes() const override;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  void to_onnx(OnnxSink& sink) const override;
  InputPrecision input_precision(int) const override { return InputPrecision::follows; }

 private:
  Dims begin_, end_;
};

}  // namespace slipway
