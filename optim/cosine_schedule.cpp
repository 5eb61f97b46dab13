#include <algorithm>
#include <cmath>
#include <numbers>

#include "optim/schedule.h"

namespace slipway {
namespace {

class CosineSchedule : public Schedule {
 public:
  double minimum = 0;
  double period_epochs = 0;
  std::int64_t period_growth = 1;

  void fields(FieldVisitor& visit) override {
    visit.field("minimum", minimum,
                {.help = "share of the rate that is left at the end", .min = 0, .max = 1});
    visit.field(
        "period_epochs", period_epochs,
        {.help = "epochs after which the rate starts afresh; 0: one descent over all steps", .min = 0});
    visit.field("period_growth", period_growth,
                {.help = "each period is that many times the one before", .min = 1});
    warmup_fields(visit);
  }

 protected:
  // factor = m + (1 - m) (1 + cos(π t / T)) / 2: torch's CosineAnnealingLR, CosineAnnealingWarmRestarts
  double factor(std::int64_t step, const TrainingLength& length) const override {
    std::int64_t period = length.total_steps;
    if (period_epochs > 0) {
      period = std::max<std::int64_t>(
          1, std::llround(period_epochs * static_cast<double>(length.steps_per_epoch)));
      if (period_growth == 1) step %= period;
      while (step >= period) {
        step -= period;
        period *= period_growth;
      }
    }
    const double done = std::min(1.0, static_cast<double>(step) / static_cast<double>(period));
    return minimum + (1 - minimum) * (1 + std::cos(std::numbers::pi * done)) / 2;
  }
};

const Register<Schedule, CosineSchedule> registered(
    "cosine", "Falls along half a cosine to `minimum`, once or in periods (Loshchilov and Hutter, 2017).");

}  // namespace
}  // namespace slipway
