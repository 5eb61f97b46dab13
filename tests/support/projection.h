#pragma once

#include "core/graph/op.h"

namespace slipway::test {

/// loss = sum of w * x over all elements of all inputs, with fixed weights w between 1/2 and 3/2 of either
/// sign: a scalar whose gradient tells elements apart. Row-major floating-point values of one dtype.
class Projection : public Op {
 public:
  std::string_view name() const override { return "projection"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
};

}  // namespace slipway::test
