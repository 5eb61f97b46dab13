#pragma once

#include <string>
#include <vector>

#include "core/graph/graph.h"
#include "kernels/optimizer.h"
#include "optim/optimizer.h"

namespace slipway {

/// (parameters [N], gradients [S], state [S]..., learning rate, step, optional gradient scale) ->
/// (parameters, state...), all outputs in place.
class UpdateOp : public Op {
 public:
  UpdateOp(int states, const std::vector<UpdateRange>& ranges, const std::vector<Segment>& segments);

  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<InPlace> in_place() const override;
  Cost cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const override;
  void run(OpContext& context) const override;

 protected:
  /// Updates one range, with its part of each state.
  virtual void update(const Stream& stream, const UpdateArgs& args, std::span<void* const> states) const = 0;

 private:
  struct Range {
    std::int64_t begin = 0, end = 0;  // in the parameters
    std::int64_t offset = 0;          // in gradients and states
    std::vector<Segment> segments;    // of its elements, counted from its begin
  };

  int states_;
  std::vector<Range> ranges_;
};

/// The inputs' ranges, or that of all parameters.
std::vector<UpdateRange> updated_ranges(const Graph& graph, const UpdateInputs& inputs);
/// Appends an update, with a variable "optimizer.NAME" for each name in `states`.
void append_update(Graph& graph, OpPtr op, const UpdateInputs& inputs,
                   const std::vector<std::string>& states);

}  // namespace slipway
