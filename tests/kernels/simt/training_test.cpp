#include "tools/train/training_program.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/runtime/step_state.h"
#include "layers/ops/relu.h"
#include "tests/kernels/simt/runtime/support.h"
#include "tools/train/compute.h"
#include "tools/train/data_source.h"

namespace slipway::test {
namespace {

constexpr const char* kConfig = R"(
data:
  train: {random: {shape: [1, 6, 6], classes: 3, samples: 22}}
model:
  - conv2d: {filters: 3, kernel: 3, padding: 1}
  - batch_norm
  - relu
  - max_pool: 2
  - flatten
  - dropout: 0.3
  - linear: 3
loss: cross_entropy
train: {batch_size: 4, accumulate: 2, clip_norm: 1, average_decay: 0.9, optimizer: {adamw: {learning_rate: 0.01}}}
)";

/// The losses of an epoch, whose last batch is smaller.
std::vector<double> train(const std::string& device) {
  RunConfig config = parse_run_config(kConfig, "run");
  const DataSource source(config, ".");
  const Model model(config, *source.pipeline());
  const Compute compute({.device = device});
  TrainingProgram program(model, compute.stream(), config.train.batch_size);
  Loader loader(source.part(DataSource::Part::train), source.pipeline(),
                {.batch_size = config.train.batch_size, .workers = 0});
  std::vector<double> losses;
  StepState::set_learning_rate(program.variables(), 0.01);
  while (const Batch* batch = loader.next()) {
    const bool update = losses.size() % 2 == 1;
    StepState::set_step(program.variables(), static_cast<std::int64_t>(losses.size() / 2));
    losses.push_back(
        program
            .run(batch->tensors, update ? TrainingProgram::Phase::update : TrainingProgram::Phase::accumulate)
            .loss);
  }
  return losses;
}

class SimulatedTraining : public SimulatedRuntime {};

TEST_F(SimulatedTraining, FollowsTheCpuInEveryOrderOfStreams) {
  const std::vector<double> expected = train("cpu");
  ASSERT_EQ(expected.size(), 6u);
  for_each_seed([&] {
    const std::vector<double> losses = train("cuda:0");
    ASSERT_EQ(losses.size(), expected.size());
    for (std::size_t i = 0; i < losses.size(); ++i) {
      EXPECT_NEAR(losses[i], expected[i], 1e-4 * std::abs(expected[i])) << "batch " << i;
    }
    EXPECT_EQ(count_findings(), 0u) << finding_texts();
  });
}

/// relu 'first', relu 'second', relu 'third'
std::string error_of_chain(const Compute::Options& options) {
  Graph graph;
  Value value = graph.input("x", {DType::float32, {8}});
  for (const char* name : {"first", "second", "third"}) value = graph.add(Relu(), {value}, name);
  graph.output("y", value);
  const Compute compute(options);
  Executor executor(std::move(graph), compute.stream(), Variables(compute.stream()));
  const Tensor zeros = Tensor::zeros(DType::float32, {8});
  executor.bind("x", zeros);
  try {
    executor.run();
  } catch (const Error& error) {
    return text("run: ", error.what());
  }
  try {
    executor.read("y");
  } catch (const Error& error) {
    return text("read: ", error.what());
  }
  return "";
}

TEST_F(SimulatedTraining, NamesTheOpThatFailedIfItWaitsForEach) {
  EXPECT_EQ(error_of_chain({.device = "cuda:0"}), "");
  simt::Settings settings = simt::settings();
  settings.faults.failing_launch = 2;
  restart_with(settings);
  const std::string late = error_of_chain({.device = "cuda:0"});
  EXPECT_TRUE(late.starts_with("read: cuda:0: cuda")) << late;
  EXPECT_NE(late.find("illegal memory access"), std::string::npos) << late;
  restart_with(settings);
  const std::string at_once = error_of_chain({.device = "cuda:0", .synchronous = true});
  EXPECT_TRUE(at_once.starts_with("run: relu 'second': cuda:0: cuda")) << at_once;
  EXPECT_NE(at_once.find("illegal memory access"), std::string::npos) << at_once;
}

}  // namespace
}  // namespace slipway::test
