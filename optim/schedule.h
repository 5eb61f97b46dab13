#pragma once

#include <cstdint>

#include "core/base/component.h"

namespace slipway {

/// How long training lasts, in updates of the parameters.
struct TrainingLength {
  std::int64_t total_steps = 1;
  std::int64_t steps_per_epoch = 1;
};

/// The learning rate over time: warm-up, in which it rises along a line, then what the kind of schedule says
/// for the steps that are left. Computed on the host; PyTorch's formulas (torch.optim.lr_scheduler).
class Schedule : public Component {
 public:
  static constexpr const char* kKind = "schedule";

  void check(ConfigErrors& errors) const override;
  /// The rate for update number `step`, counted from 0. `base_rate` is the optimizer's learning rate.
  double rate(std::int64_t step, const TrainingLength& length, double base_rate) const;

 protected:
  /// The factor on the base rate after warm-up; `step` and `length` count without it.
  virtual double factor(std::int64_t step, const TrainingLength& length) const = 0;
  void warmup_fields(FieldVisitor& visit);

 private:
  std::int64_t warmup_steps_ = 0;
  double warmup_epochs_ = 0;
  double warmup_fraction_ = 0;
  double warmup_start_ = 0.01;
};

}  // namespace slipway
