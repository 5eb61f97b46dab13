#pragma once

#include <cstdint>

#include "core/graph/graph.h"

namespace slipway {

/// Dynamic loss scaling (Micikevicius et al., "Mixed Precision Training", 2018): gradients that would vanish
/// in float16 are computed of `scale` times the loss; an update whose gradient overflows is skipped and
/// lowers the scale, a row of good ones raises it. The state is three variables, so that nothing waits for
/// the host and checkpoints hold it. Defaults are those of torch.amp.GradScaler.
class LossScaling {
 public:
  static constexpr const char* kScale = "loss_scale.scale";           // float32[]
  static constexpr const char* kGoodSteps = "loss_scale.good_steps";  // int64[]: since the scale changed
  static constexpr const char* kSkippedSteps = "loss_scale.skipped_steps";  // int64[]: of the whole training
  static constexpr double kLeast = 1;  // a gradient that overflows at a smaller scale is not too large for
                                       // float16 because of the scale

  struct Options {
    double initial = 65536;
    double growth = 2;
    double backoff = 0.5;
    std::int64_t interval = 2000;  // good steps after which the scale grows
  };
  /// Finds the variables in a graph, or makes them.
  LossScaling(Graph& graph, const Options& options);
  explicit LossScaling(Graph& graph) : LossScaling(graph, Options{}) {}

  Value scale() const { return scale_; }
  /// Appends scale * loss, of which gradients are to be taken.
  Value scaled(Value loss) const;
  /// Appends the number of updates done, given that of all steps, int64[].
  Value updates(Value step) const;
  /// Appends the change of the scale after an update; everything that reads the state comes before it.
  void adjust(Value gradient_scale) const;

 private:
  Graph& graph_;
  Options options_;
  Value scale_, good_steps_, skipped_steps_;
};

}  // namespace slipway
