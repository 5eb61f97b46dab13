#include <algorithm>

#include "optim/schedule.h"

namespace slipway {
namespace {

class LinearSchedule : public Schedule {
 public:
  double end = 0;

  void fields(FieldVisitor& visit) override {
    visit.field("end", end, {.help = "share of the rate that is left at the end", .min = 0});
    warmup_fields(visit);
  }

 protected:
  // factor = 1 + (end - 1) t / T: torch's LinearLR
  double factor(std::int64_t step, const TrainingLength& length) const override {
    const double done = static_cast<double>(step) / static_cast<double>(length.total_steps);
    return 1 + (end - 1) * std::min(1.0, done);
  }
};

const Register<Schedule, LinearSchedule> registered("linear", "Falls along a line to `end`.");

}  // namespace
}  // namespace slipway
