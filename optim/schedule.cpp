#include "optim/schedule.h"

#include <algorithm>
#include <cmath>

namespace slipway {

void Schedule::warmup_fields(FieldVisitor& visit) {
  visit.field("warmup_steps", warmup_steps_,
              {.help = "steps in which the rate rises to its full height", .min = 0});
  visit.field("warmup_epochs", warmup_epochs_, {.help = "the same in epochs", .min = 0});
  visit.field("warmup_fraction", warmup_fraction_,
              {.help = "the same as a share of all steps", .min = 0, .below = 1});
  visit.field("warmup_start", warmup_start_,
              {.help = "share of the full rate in the first step", .min = 0, .max = 1});
}

void Schedule::check(ConfigErrors& errors) const {
  if ((warmup_steps_ > 0) + (warmup_epochs_ > 0) + (warmup_fraction_ > 0) > 1) {
    errors.add(where, "schedule: give one of warmup_steps, warmup_epochs and warmup_fraction");
  }
}

// warm-up: rate = base (start + (1 - start) step / steps), torch's LinearLR
double Schedule::rate(std::int64_t step, const TrainingLength& length, double base_rate) const {
  const double fraction = warmup_fraction_ * static_cast<double>(length.total_steps);
  const double epochs = warmup_epochs_ * static_cast<double>(length.steps_per_epoch);
  const std::int64_t warmup = warmup_steps_ + std::llround(fraction) + std::llround(epochs);
  if (step < warmup) {
    const double done = static_cast<double>(step) / static_cast<double>(warmup);
    return base_rate * (warmup_start_ + (1 - warmup_start_) * done);
  }
  const TrainingLength rest{.total_steps = std::max<std::int64_t>(1, length.total_steps - warmup),
                            .steps_per_epoch = length.steps_per_epoch};
  return base_rate * factor(step - warmup, rest);
}

}  // namespace slipway
