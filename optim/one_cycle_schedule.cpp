#include <algorithm>
#include <cmath>
#include <numbers>

#include "optim/schedule.h"

namespace slipway {
namespace {

class OneCycleSchedule : public Schedule {
 public:
  double rise = 0.3;
  double start_divisor = 25;
  double end_divisor = 1e4;
  std::string shape = "cosine";

  void fields(FieldVisitor& visit) override {
    visit.field("rise", rise, {.help = "share of the steps in which the rate rises", .above = 0, .below = 1});
    visit.field("start_divisor", start_divisor,
                {.help = "the first rate is the highest divided by this", .min = 1});
    visit.field("end_divisor", end_divisor, {.help = "the last rate is the first divided by this", .min = 1});
    visit.field("shape", shape, {.help = "of both slopes", .choices = {"cosine", "linear"}});
    warmup_fields(visit);
  }

 protected:
  // torch's OneCycleLR: from 1 / start_divisor up to 1, then down to 1 / (start_divisor end_divisor)
  double factor(std::int64_t step, const TrainingLength& length) const override {
    const double last = static_cast<double>(length.total_steps) - 1;
    const double top = std::max(0.0, rise * static_cast<double>(length.total_steps) - 1);
    const double t = std::min(static_cast<double>(step), last), first = 1 / start_divisor;
    if (t <= top) return between(first, 1, top > 0 ? t / top : 1);
    return between(1, first / end_divisor, (t - top) / (last - top));
  }

 private:
  double between(double from, double to, double done) const {
    if (shape == "linear") return from + (to - from) * done;
    return to + (from - to) / 2 * (1 + std::cos(std::numbers::pi * done));
  }
};

const Register<Schedule, OneCycleSchedule> registered(
    "one_cycle", "Rises to the full rate and falls far below where it began (Smith and Topin, 2018).");

}  // namespace
}  // namespace slipway
