#include "tests/support/learning.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>

#include "core/runtime/step_state.h"
#include "tools/train/data_source.h"
#include "tools/train/evaluator.h"
#include "tools/train/ranks.h"
#include "tools/train/run_state.h"

namespace slipway::test {
namespace {

/// What ranks have divided is put together on all of them.
std::map<std::string, Tensor> all_variables(const TrainingProgram& program, Communicator* ranks) {
  WholeStates states = collect_states(program);
  for (auto& [name, whole] : states) {
    if (!whole.defined()) whole = Tensor(program.arena().dtype, Shape{program.arena().elements});
    if (ranks) ranks->broadcast({}, {.values = whole}, "a test");
  }
  Checkpoint checkpoint;
  capture_variables(program, states, checkpoint);
  Checkpoint::Tensors all = checkpoint.parameters;
  for (const Checkpoint::Tensors& part : {checkpoint.state, checkpoint.optimizer})
    all.insert(part.begin(), part.end());
  return {all.begin(), all.end()};
}

}  // namespace

std::string with_setting(std::string yaml, const std::string& setting) {
  const std::string begin = "\ntrain: {";
  yaml.insert(yaml.find(begin) + begin.size(), setting + ", ");
  return yaml;
}

Learned learn(const std::string& yaml, const LearnOptions& learning) {
  Communicator* const ranks = learning.ranks;
  RunConfig config = parse_run_config(yaml, "run");
  config.capture = learning.capture;
  const DataSource source(config, ".");
  const Model model(config, *source.pipeline());
  TrainingProgram program(model, learning.stream, config.train.batch_size, ranks);
  const std::shared_ptr<const Dataset>& dataset = source.part(DataSource::Part::train);
  LoaderOptions options{.batch_size = config.train.batch_size,
                        .shuffle = true,
                        .workers = 0,
                        .held = 2,
                        .shard = ranks ? ranks->shard() : Shard{}};
  Loader loader(dataset, source.pipeline(), options);
  TrainingProgress progress;
  if (ranks) broadcast_state(*ranks, program, progress);
  Learned learned;
  StepState::set_learning_rate(program.variables(), 0.01);
  std::int64_t batches = 0;
  for (int epoch = 0; epoch < learning.epochs; ++epoch) {
    while (const Batch* batch = loader.next()) {
      StepState::set_step(program.variables(), batches / config.train.accumulate);
      const bool update = ++batches % config.train.accumulate == 0;
      const auto result = program.run(
          batch->tensors, update ? TrainingProgram::Phase::update : TrainingProgram::Phase::accumulate,
          batch->samples);
      EXPECT_TRUE(result.finite);
      learned.figures.insert(learned.figures.end(), {result.loss, result.gradient_norm});
    }
  }
  options.shuffle = false;
  Loader all(dataset, source.pipeline(), options);
  Evaluator evaluator(model, learning.stream, program.evaluated(), ranks);
  const Evaluator::Result result = evaluator.run(all);
  EXPECT_EQ(result.samples, dataset->size());
  for (const Evaluator::Figure& figure : result.figures) learned.figures.push_back(figure.value);
  learned.variables = all_variables(program, ranks);
  return learned;
}

void expect_same(const Learned& actual, const Learned& expected, double tolerance) {
  ASSERT_EQ(actual.figures.size(), expected.figures.size());
  for (std::size_t i = 0; i < actual.figures.size(); ++i)
    ASSERT_NEAR(actual.figures[i], expected.figures[i], tolerance) << "figure " << i;
  ASSERT_EQ(actual.variables.size(), expected.variables.size());
  for (const auto& [name, value] : expected.variables) {
    const Tensor a = actual.variables.at(name).cast(DType::float64), b = value.cast(DType::float64);
    const std::span<const double> found = a.as<double>(), wanted = b.as<double>();
    const auto near = [&](double x, double y) { return std::abs(x - y) <= tolerance; };
    const auto differ = std::mismatch(found.begin(), found.end(), wanted.begin(), wanted.end(), near);
    ASSERT_TRUE(differ.first == found.end() && differ.second == wanted.end())
        << name << '[' << differ.first - found.begin() << "] is " << *differ.first << ", expected "
        << *differ.second;
  }
}

void expect_same_bits(const Learned& actual, const Learned& expected) {
  ASSERT_EQ(actual.figures, expected.figures);
  ASSERT_EQ(actual.variables.size(), expected.variables.size());
  for (const auto& [name, value] : expected.variables) {
    const TensorView a = actual.variables.at(name), b = value;
    ASSERT_EQ(std::memcmp(a.data, b.data, b.type.bytes()), 0) << name;
  }
}

}  // namespace slipway::test
