#pragma once

#include "core/graph/op.h"

namespace slipway {

/// Surrounds a value with `value`: before[i] and after[i] elements along axis i; any dtype.
class Pad : public Op {
 public:
  Pad(const Dims& before, const Dims& after, double value = 0)
      : before_(before), after_(after), value_(value) {}

  std::string_view name() const override { return "pad"; }
  std::string attributes() const override;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  void to_onnx(OnnxSink& sink) const override;
  InputPrecision input_precision(int) const override { return InputPrecision::follows; }

 private:
  Dims before_, after_;
  double value_;
};

}  // namespace slipway
