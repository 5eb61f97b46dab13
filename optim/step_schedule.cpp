#include <algorithm>
#include <cmath>

#include "optim/schedule.h"

namespace slipway {
namespace {

class StepSchedule : public Schedule {
 public:
  double gamma = 0.1;
  double every_epochs = 0;
  std::vector<double> milestones;

  void fields(FieldVisitor& visit) override {
    visit.field("gamma", gamma, {.help = "factor on the rate at each drop", .min = 0});
    visit.field("every_epochs", every_epochs, {.help = "epochs from one drop to the next", .min = 0});
    visit.field("milestones", milestones, {.help = "or the epochs after which the rate drops", .min = 0});
    warmup_fields(visit);
  }
  void check(ConfigErrors& errors) const override {
    Schedule::check(errors);
    if ((every_epochs > 0) == !milestones.empty()) {
      errors.add(where, "step: expected either every_epochs above 0 or milestones");
    }
  }

 protected:
  // factor = γ^drops: torch's StepLR and MultiStepLR
  double factor(std::int64_t step, const TrainingLength& length) const override {
    const auto steps = [&](double epochs) {
      return std::max<std::int64_t>(1, std::llround(epochs * static_cast<double>(length.steps_per_epoch)));
    };
    if (every_epochs > 0) return std::pow(gamma, static_cast<double>(step / steps(every_epochs)));
    const auto passed = std::count_if(milestones.begin(), milestones.end(),
                                      [&](double milestone) { return step >= steps(milestone); });
    return std::pow(gamma, static_cast<double>(passed));
  }
};

const Register<Schedule, StepSchedule> registered("step",
                                                  "Drops by a factor, every few epochs or at milestones.");

}  // namespace
}  // namespace slipway
