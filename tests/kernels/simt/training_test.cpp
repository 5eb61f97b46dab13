#include <gtest/gtest.h>

#include <optional>

#include "core/runtime/executor.h"
#include "layers/ops/relu.h"
#include "tests/kernels/simt/measured_run.h"
#include "tests/kernels/simt/runtime/support.h"
#include "tools/train/compute.h"

namespace slipway::test {
namespace {

/// Eight batches, of which the last is smaller; two make a step. In front of batch_norm a bias would have a
/// gradient of nothing but rounding, about 1e-9, from which adamw makes steps of the learning rate: losses
/// would still agree, but running means follow the bias, so that the figures of validation would not.
constexpr const char* kAccumulating = R"(
data:
  train: {random: {shape: [1, 6, 6], classes: 3, samples: 30}}
  validation: {random: {shape: [1, 6, 6], classes: 3, samples: 11, seed: 2}}
model:
  - conv2d: {filters: 3, kernel: 3, padding: 1, bias: false}
  - batch_norm
  - relu
  - max_pool: 2
  - flatten
  - dropout: 0.3
  - linear: 3
loss: cross_entropy
metrics: [accuracy]
train:
  epochs: 1
  batch_size: 4
  accumulate: 2
  clip_norm: 1
  average_decay: 0.9
  optimizer: {adamw: {learning_rate: 0.01}}
)";

/// Images that are cropped and mirrored: where a GPU trains, by the GPU.
constexpr const char* kAugmenting = R"(
data:
  train: {random: {shape: [3, 7, 9], classes: 3, samples: 30}}
  validation: {random: {shape: [3, 7, 9], classes: 3, samples: 11, seed: 2}}
  transforms: [random_crop: {size: [8, 8], padding: 2}, horizontal_flip, vertical_flip, center_crop: 6]
model: [conv2d: {filters: 3, kernel: 3}, relu, flatten, dropout: 0.3, linear: 3]
loss: cross_entropy
metrics: [accuracy]
train: {epochs: 2, batch_size: 4, optimizer: {adamw: {learning_rate: 0.01}}}
)";

enum class Capture { on, off };

MeasuredRun train(const std::string& yaml, const Compute::Options& options, Capture capture = Capture::on) {
  RunConfig config = parse_run_config(yaml, "run");
  config.capture = capture == Capture::on;
  DataSource source(config, ".");
  source.measure_statistics(1, {});
  const Model model(config, *source.pipeline());
  const Compute compute(options);
  source.deliver_to(compute.stream().device);
  return measure_run({.config = config, .source = source, .model = model, .stream = compute.stream()});
}

class SimulatedTraining : public SimulatedRuntime {};

/// Trains on the CPU, and over ten seeds of scheduling captured and not captured on a GPU.
void expect_follows_cpu(const std::string& yaml) {
  const Figures expected = train(yaml, {.device = "cpu"}).figures;
  ASSERT_GE(expected.losses.size(), 4u);
  ASSERT_FALSE(expected.evaluated.empty());
  std::optional<Figures> first;  // of the simulated GPU
  for_each_seed([&] {
    for (const Capture capture : {Capture::off, Capture::on}) {
      SCOPED_TRACE(capture == Capture::on ? "captured" : "not captured");
      const std::int64_t graphs = simt::usage().graphs;
      const Figures figures = train(yaml, {.device = "cuda:0"}, capture).figures;
      EXPECT_EQ(simt::usage().graphs > graphs, capture == Capture::on);
      EXPECT_EQ(count_findings(), 0u) << finding_texts();
      if (!first) first = figures;
      EXPECT_TRUE(figures == *first);
    }
  });
  EXPECT_LE(largest_error(first->losses, expected.losses), 1e-4);
  EXPECT_LE(largest_error(first->gradient_norms, expected.gradient_norms), 1e-4);
  EXPECT_LE(largest_error(first->evaluated, expected.evaluated), 1e-4);
}

TEST_F(SimulatedTraining, FollowsTheCpuInEveryOrderOfStreams) { expect_follows_cpu(kAccumulating); }

TEST_F(SimulatedTraining, FollowsTheCpuWhereTheGpuAugments) { expect_follows_cpu(kAugmenting); }

/// From the third step on; before, full batches are not captured yet. The eighth batch is smaller.
TEST_F(SimulatedTraining, StepsAllocateNothingAndWaitOnce) {
  std::string yaml = kAccumulating;
  yaml.replace(yaml.find("accumulate: 2"), 13, "accumulate: 1");
  const MeasuredRun measured = train(yaml, {.device = "cuda:0"});
  ASSERT_EQ(measured.usage.size(), 8u);
  for (std::size_t step = 2; step < 7; ++step) {
    const simt::Usage &before = measured.usage[step - 1], &after = measured.usage[step];
    EXPECT_EQ(after.allocations, before.allocations) << "step " << step;
    EXPECT_EQ(after.host_waits, before.host_waits + 1) << "step " << step;
    EXPECT_EQ(after.graphs, before.graphs + 1) << "step " << step;
  }
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

TEST_F(SimulatedTraining, WaitingForEachOpCapturesNothing) {
  train(kAccumulating, {.device = "cuda:0", .synchronous = true});
  EXPECT_EQ(simt::usage().graphs, 0);
}

}  // namespace
}  // namespace slipway::test
