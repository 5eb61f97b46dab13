#pragma once

#include "core/graph/op.h"

namespace slipway {

/// (x, step int64[]) -> x with each element set to 0 with probability p, else divided by 1 - p (Srivastava et
/// al., 2014). Which ones depends on key, step and row-major element index alone. Any shape; float32,
/// float64; cuda: also float16, bfloat16.
class Dropout : public Op {
 public:
  /// `first`: the index of the first element, where the input is not the first part of its batch.
  Dropout(double probability, std::uint64_t key, std::int64_t first = 0)
      : probability_(probability), key_(key), first_(first) {}

  std::string_view name() const override { return "dropout"; }
  std::string attributes() const override { return text("probability=", probability_, " key=", key_); }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  std::vector<InPlace> in_place() const override { return {{.output = 0, .input = 0}}; }
  InputPrecision input_precision(int) const override { return InputPrecision::follows; }

 private:
  double probability_;  // [0, 1)
  std::uint64_t key_;
  std::int64_t first_;
};

}  // namespace slipway
