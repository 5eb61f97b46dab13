#pragma once

#include "core/base/component.h"
#include "core/graph/graph.h"

namespace slipway {

/// An exponential moving average of the weights, which often does better on new data than the weights
/// themselves. Evaluate with Variables::with_arena(parameters, kName).
struct WeightAverage : Component {
  static constexpr const char* kName = "average.parameters";  // the flat variable that holds it

  double decay = 0.999;

  void fields(FieldVisitor& visit) override;
  /// Appends the update of the average of flat `parameters` [N] as they are after this step's update; `step`
  /// (int64[]) counts the updates before it. The first one copies, as torch.optim.swa_utils.AveragedModel. If
  /// there is a `gradient_scale` (UpdateInputs), the average is skipped with the update.
  Value build(Graph& graph, Value parameters, Value step, Value gradient_scale = {}) const;
};

}  // namespace slipway
