#include <gtest/gtest.h>

#include "core/runtime/memory_plan.h"
#include "core/runtime/step_state.h"
#include "tools/train/data_source.h"
#include "tools/train/training_program.h"
#include "tools/train/workloads.h"

namespace slipway::test {
namespace {

using Phase = TrainingProgram::Phase;

/// A workload with everything that makes steps differ from each other, but for `recompute`.
RunConfig config_with(const std::string& workload, const std::string& recompute) {
  RunConfig config = parse_run_config(find_workload(workload).yaml, workload);
  config.train.recompute = recompute;
  config.train.accumulate = 2;
  config.train.clip_norm = 0.5;
  return config;
}

/// The bits of losses, gradient norms and variables after three steps.
std::map<std::string, std::vector<std::byte>> train(const std::string& workload, const std::string& recompute,
                                                    const Stream& stream) {
  RunConfig config = config_with(workload, recompute);
  DataSource source(config, ".");
  const Model model(config, *source.pipeline());
  TrainingProgram program(model, stream, 5);
  std::map<std::string, std::vector<std::byte>> results;
  const auto keep = [&](const std::string& name, const void* data, std::size_t bytes) {
    const auto* first = static_cast<const std::byte*>(data);
    results[name] = {first, first + bytes};
  };
  StepState::set_learning_rate(program.variables(), 0.05);
  for (std::int64_t i = 0; i < 6; ++i) {
    const std::int64_t samples = i == 3 ? 3 : 5;  // as at the end of an epoch
    Loader loader(source.part(DataSource::Part::train), source.pipeline(),
                  {.batch_size = samples, .seed = static_cast<std::uint64_t>(i), .workers = 0});
    StepState::set_step(program.variables(), i / 2);
    const auto result = program.run(loader.next()->tensors, i % 2 == 1 ? Phase::update : Phase::accumulate);
    EXPECT_TRUE(result.finite);
    keep(text("loss ", i), &result.loss, sizeof result.loss);
    keep(text("gradient_norm ", i), &result.gradient_norm, sizeof result.gradient_norm);
  }
  for (const std::string& name : program.variables().names()) {
    const Tensor value = program.variables().read(name);
    keep(name, value.view().data, value.type().bytes());
  }
  return results;
}

void expect_same_bits(const std::string& workload, const Stream& stream) {
  const auto expected = train(workload, "none", stream);
  for (const char* recompute : {"blocks", "all"}) {
    const auto results = train(workload, recompute, stream);
    ASSERT_EQ(results.size(), expected.size());
    for (const auto& [name, bits] : results) EXPECT_EQ(bits, expected.at(name)) << recompute << ' ' << name;
  }
}

TEST(RecomputeTraining, IsTheSameToTheBit) {
  expect_same_bits("mlp", {.threads = 1});
  expect_same_bits("mnist_cnn", {.threads = 2});
}

TEST(RecomputeTrainingSlow, Resnet18IsTheSameToTheBit) { expect_same_bits("resnet18_cifar", {.threads = 2}); }

/// Bytes of values: what kernels need besides differs from processor to processor.
std::size_t planned(const std::string& workload, const std::string& recompute) {
  RunConfig config = config_with(workload, recompute);
  DataSource source(config, ".");
  const Model model(config, *source.pipeline());
  TrainingProgram program(model, {.threads = 1}, config.train.batch_size);
  const Graph& graph = program.executor(config.train.batch_size, Phase::update).graph();
  return plan_memory(graph, std::vector<std::size_t>(graph.nodes().size(), 0), MemoryReuse::shared)
      .arena_bytes;
}

TEST(RecomputeTraining, TakesLessMemory) {
  const auto none = static_cast<double>(planned("resnet18_cifar", "none"));
  const auto blocks = static_cast<double>(planned("resnet18_cifar", "blocks"));
  EXPECT_LT(blocks, 0.6 * none);
  EXPECT_LT(static_cast<double>(planned("resnet18_cifar", "all")), blocks);
}

}  // namespace
}  // namespace slipway::test
