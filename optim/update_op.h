#pragma once

#include <string>
#include <vector>

#include "core/graph/graph.h"
#include "kernels/optimizer.h"
#include "optim/optimizer.h"

namespace slipway {

/// (parameters, gradients, state..., learning rate, step, optional gradient scale) -> (parameters, state...),
/// all outputs in place.
class UpdateOp : public Op {
 public:
  UpdateOp(int states, std::vector<Segment> segments) : states_(states), segments_(std::move(segments)) {}

  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<InPlace> in_place() const override;
  Cost cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const override;

 protected:
  UpdateArgs arguments(const OpContext& context) const;
  /// Memory of the k-th state.
  void* state(const OpContext& context, int k) const { return context.input(2 + k).data; }

 private:
  int states_;
  std::vector<Segment> segments_;
};

/// Appends an update, with a variable "optimizer.NAME" for each name in `states`.
void append_update(Graph& graph, OpPtr op, const UpdateInputs& inputs,
                   const std::vector<std::string>& states);

}  // namespace slipway
