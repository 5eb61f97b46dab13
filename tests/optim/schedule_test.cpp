#include "optim/schedule.h"

#include <gtest/gtest.h>

#include "tests/support/torch.h"

namespace slipway::test {
namespace {

Slot<Schedule> parse(const std::string& yaml) {
  Slot<Schedule> slot;
  ConfigErrors errors;
  read_slot(ConfigNode::parse(yaml, "test.yaml"), slot, errors);
  errors.throw_if_any();
  return slot;
}

/// The same schedules over 60 steps of 10 an epoch, from a rate of 0.5.
struct ScheduleCase {
  const char* yaml;
  const char* torch;
};

const ScheduleCase kCases[] = {
    {"constant", "LambdaLR(o, lambda t: 1)"},
    {"constant: {warmup_steps: 5, warmup_start: 0.25}", "LinearLR(o, start_factor=0.25, total_iters=5)"},
    {"step: {every_epochs: 2, gamma: 0.5}", "StepLR(o, 20, gamma=0.5)"},
    {"step: {milestones: [1.5, 4], gamma: 0.3}", "MultiStepLR(o, [15, 40], gamma=0.3)"},
    {"cosine", "CosineAnnealingLR(o, 60)"},
    {"cosine: {minimum: 0.1, warmup_epochs: 1, warmup_start: 0.01}",
     "SequentialLR(o, [LinearLR(o, start_factor=0.01, total_iters=10), CosineAnnealingLR(o, 50, "
     "eta_min=0.05)], [10])"},
    {"cosine: {minimum: 0.1, period_epochs: 1.5}", "CosineAnnealingWarmRestarts(o, 15, eta_min=0.05)"},
    {"cosine: {period_epochs: 0.7, period_growth: 2}", "CosineAnnealingWarmRestarts(o, 7, T_mult=2)"},
    {"linear", "LinearLR(o, start_factor=1, end_factor=0, total_iters=60)"},
    {"linear: {end: 0.2, warmup_fraction: 0.1, warmup_start: 0.1}",
     "SequentialLR(o, [LinearLR(o, start_factor=0.1, total_iters=6), "
     "LinearLR(o, start_factor=1, end_factor=0.2, total_iters=54)], [6])"},
    {"one_cycle", "OneCycleLR(o, 0.5, total_steps=60)"},
    {"one_cycle: {rise: 0.17, start_divisor: 10, end_divisor: 100, shape: linear}",
     "OneCycleLR(o, 0.5, total_steps=60, pct_start=0.17, div_factor=10, final_div_factor=100, "
     "anneal_strategy='linear')"},
};

TEST(Schedule, FollowsPyTorch) {
  std::string program =
      "from torch.optim.lr_scheduler import *\n"
      "def rates(make):\n"
      "    o = torch.optim.SGD([torch.zeros(1)], lr=0.5)\n"
      "    schedule, result = make(o), []\n"
      "    for t in range(60):\n"
      "        result.append(o.param_groups[0]['lr'])\n"
      "        o.step()\n"
      "        if t < 59: schedule.step()\n"
      "    return result\n";
  int number = 0;
  for (const ScheduleCase& test : kCases) {
    program += text("save('", number++, "', rates(lambda o: ", test.torch, "))\n");
  }
  const hdf5::File reference = torch_reference(program);
  number = 0;
  for (const ScheduleCase& test : kCases) {
    const Tensor expected = reference.read(std::to_string(number++));
    const Slot<Schedule> schedule = parse(test.yaml);
    for (std::int64_t t = 0; t < 60; ++t) {
      EXPECT_NEAR(schedule->rate(t, {.total_steps = 60, .steps_per_epoch = 10}, 0.5), expected.at({t}), 1e-9)
          << test.yaml << ", step " << t;
    }
  }
}

TEST(Schedule, StaysWithinItsEndsPastTheLastStep) {
  for (const char* yaml : {"constant", "cosine", "linear", "one_cycle", "cosine: {warmup_steps: 100}"}) {
    for (const std::int64_t total : {1, 2, 3}) {
      for (std::int64_t t = 0; t < 10; ++t) {
        const double rate = parse(yaml)->rate(t, {.total_steps = total, .steps_per_epoch = 1}, 0.5);
        EXPECT_TRUE(rate >= 0 && rate <= 0.5) << yaml << ' ' << total << ' ' << t << ": " << rate;
      }
    }
  }
}

TEST(Schedule, RefusesSettingsThatMakeNoSense) {
  EXPECT_THROW(parse("step"), UserError);
  EXPECT_THROW(parse("step: {every_epochs: 1, milestones: [2]}"), UserError);
  EXPECT_THROW(parse("cosine: {warmup_steps: 1, warmup_epochs: 1}"), UserError);
  EXPECT_THROW(parse("one_cycle: {rise: 1}"), UserError);
}

}  // namespace
}  // namespace slipway::test
