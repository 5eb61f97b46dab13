#include "tools/train/training_program.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/runtime/step_state.h"
#include "tools/train/data_source.h"

namespace slipway::test {
namespace {

using Phase = TrainingProgram::Phase;

constexpr const char* kConfig = R"(
data:
  train: {random: {shape: [1], classes: 2, samples: 4}}
model: [linear: 2]
loss: cross_entropy
train: {batch_size: 1, accumulate: 2, freeze: ["*.weight"], optimizer: {sgd: {learning_rate: 1}}}
)";

/// Logits of (3e38, -3e38) make a loss beyond float32, but its gradient by the bias is (1, -1).
TEST(TrainingProgram, ALossThatIsNotFiniteInAnyBatchOfAStepKeepsTheParameters) {
  RunConfig config = parse_run_config(kConfig, "run");
  const DataSource source(config, ".");
  const Model model(config, *source.pipeline());
  TrainingProgram program(model, {}, 1);
  program.variables().write("linear_1.weight", Tensor::of<float>({2, 1}, {1, -1}));
  program.variables().write("linear_1.bias", Tensor::of<float>({2}, {0, 0}));
  StepState::set_learning_rate(program.variables(), 1);
  const auto step = [&](float first) {
    const Tensor label = Tensor::of<std::int64_t>({1}, {1});
    const Tensor inputs[] = {Tensor::of<float>({1, 1}, {first}), Tensor::of<float>({1, 1}, {0})};
    program.enqueue(std::vector<TensorView>{inputs[0], label}, Phase::accumulate, 1);
    program.enqueue(std::vector<TensorView>{inputs[1], label}, Phase::update, 1);
    return program.finish();
  };

  const std::vector<TrainingProgram::Result> bad = step(3e38f);
  ASSERT_EQ(bad.size(), 2u);
  EXPECT_FALSE(bad[0].finite);
  EXPECT_TRUE(std::isfinite(bad[1].gradient_norm));
  const Tensor kept = program.variables().read("linear_1.bias");
  for (const float value : kept.as<float>()) EXPECT_EQ(value, 0);

  program.undo_step();
  const std::vector<TrainingProgram::Result> good = step(0);
  EXPECT_TRUE(good[0].finite);
  EXPECT_NEAR(good[0].loss, std::log(2), 1e-6);
  EXPECT_NEAR(good[1].gradient_norm, std::sqrt(0.5), 1e-6);
  const Tensor bias = program.variables().read("linear_1.bias");
  EXPECT_NEAR(bias.at({0}), -0.5, 1e-6);
  EXPECT_NEAR(bias.at({1}), 0.5, 1e-6);
}

}  // namespace
}  // namespace slipway::test
