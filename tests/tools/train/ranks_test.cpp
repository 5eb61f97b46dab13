#include "tools/train/ranks.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstring>

#include "core/runtime/step_state.h"
#include "tests/support/local_ranks.h"
#include "tools/train/data_source.h"
#include "tools/train/evaluator.h"

namespace slipway::test {
namespace {

// Plain descent: adaptive steps would blow up the rounding of a bias in front of a normalisation, whose
// gradient is 0. 22 samples in batches of 5: the last has 2, of which the third of four ranks gets none.
constexpr const char* kImages = R"(
data:
  train: {random: {shape: [1, 6, 6], classes: 3, samples: 22}}
model:
  - conv2d: {filters: 5, kernel: 3, padding: 1}
  - batch_norm
  - relu
  - residual: [conv2d: {filters: 5, kernel: 3, padding: 1}, batch_norm]
  - relu
  - max_pool: 2
  - flatten
  - dropout: 0.3
  - linear: 7
  - batch_norm
  - layer_norm
  - gelu
  - linear: 3
loss: {cross_entropy: {class_weights: [0.5, 2, 1], label_smoothing: 0.1}}
metrics: [accuracy]
train: {batch_size: 5, clip_norm: 1, average_decay: 0.9, optimizer: {sgd: {learning_rate: 0.01, momentum: 0.9}}}
)";

constexpr const char* kTable = R"(
data:
  train: {random: {shape: [6], classes: 3, samples: 22}}
model: [linear: 8, relu, linear: 3]
loss: {cross_entropy: {ignored_label: 1}}
metrics: [accuracy]
train: {batch_size: 7, accumulate: 2, optimizer: {adamw: {learning_rate: 0.01}}}
)";

struct Learned {
  std::vector<double> figures;  // of every batch: loss, norm of the gradient; then of the evaluation
  std::map<std::string, Tensor> variables;
};

Learned learn(const std::string& yaml, Communicator* ranks, int epochs = 2) {
  RunConfig config = parse_run_config(yaml, "run");
  const DataSource source(config, ".");
  const Model model(config, *source.pipeline());
  TrainingProgram program(model, {}, config.train.batch_size, ranks);
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
  for (int epoch = 0; epoch < epochs; ++epoch) {
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
  Evaluator evaluator(model, {}, program.evaluated(), ranks);
  const Evaluator::Result result = evaluator.run(all);
  EXPECT_EQ(result.samples, dataset->size());
  for (const Evaluator::Figure& figure : result.figures) learned.figures.push_back(figure.value);
  for (const std::string& name : program.variables().names()) {
    if (TrainingProgram::is_accumulated(name)) continue;  // zero, and ranks have them in buckets
    learned.variables[name] = program.variables().read(name);
  }
  return learned;
}

void expect_same(const Learned& actual, const Learned& expected, double tolerance) {
  ASSERT_EQ(actual.figures.size(), expected.figures.size());
  for (std::size_t i = 0; i < actual.figures.size(); ++i)
    ASSERT_NEAR(actual.figures[i], expected.figures[i], tolerance) << "figure " << i;
  ASSERT_EQ(actual.variables.size(), expected.variables.size());
  for (const auto& [name, value] : expected.variables) {
    const Tensor a = actual.variables.at(name).cast(DType::float64), b = value.cast(DType::float64);
    for (std::int64_t i = 0; i < b.elements(); ++i) {
      const double wanted = b.as<double>()[static_cast<std::size_t>(i)];
      ASSERT_NEAR(a.as<double>()[static_cast<std::size_t>(i)], wanted, tolerance) << name << '[' << i << ']';
    }
  }
}

void expect_ranks_learn_the_same(const std::string& yaml) {
  const Learned alone = learn(yaml, nullptr);
  for (const int count : {1, 2, 3, 4}) {
    SCOPED_TRACE(text(count, " ranks"));
    std::vector<Learned> learned(static_cast<std::size_t>(count));
    run_on_ranks(count, [&](Communicator& ranks) {
      learned[static_cast<std::size_t>(ranks.rank())] = learn(yaml, &ranks);
    });
    expect_same(learned[0], alone, 2e-5);
    for (const Learned& other : learned) expect_same(other, learned[0], 0);
  }
}

/// Eight megabytes of gradients, which travel in several buckets.
constexpr const char* kWide = R"(
data:
  train: {random: {shape: [700], classes: 3, samples: 10}}
model: [linear: 1100, relu, linear: 1100, relu, linear: 3]
loss: cross_entropy
metrics: [accuracy]
train: {batch_size: 5, accumulate: 2, optimizer: {sgd: {learning_rate: 0.01, momentum: 0.9}}}
)";

TEST(RanksSlow, LearnTheSameFromImages) { expect_ranks_learn_the_same(kImages); }
TEST(Ranks, LearnTheSameFromATable) { expect_ranks_learn_the_same(kTable); }

TEST(Ranks, LearnTheSameInBuckets) { expect_ranks_learn_the_same(kWide); }

TEST(Ranks, SendGradientsInBfloat16) {
  const std::string yaml = std::string(kTable) + "\n";
  const std::size_t train = yaml.find("train: {batch_size");
  std::string narrow = yaml;
  narrow.insert(train + 8, "wire: bfloat16, ");
  const Learned expected = learn(yaml, nullptr);
  std::vector<Learned> learned(3);
  run_on_ranks(3, [&](Communicator& ranks) {
    learned[static_cast<std::size_t>(ranks.rank())] = learn(narrow, &ranks);
  });
  expect_same(learned[0], expected, 5e-2);
  EXPECT_NE(learned[0].figures, expected.figures);
  for (const Learned& other : learned) expect_same(other, learned[0], 0);
}

/// Of one rank alone, without ranks, and of others.
void expect_same_bits_on_any_number_of_ranks(const std::string& yaml) {
  const std::string fixed = "deterministic: ranks\n" + yaml;
  const Learned alone = learn(fixed, nullptr);
  expect_same(alone, learn(yaml, nullptr), 2e-5);
  for (const int count : {1, 2, 4, 8}) {
    SCOPED_TRACE(text(count, " ranks"));
    std::vector<Learned> learned(static_cast<std::size_t>(count));
    run_on_ranks(count, [&](Communicator& ranks) {
      learned[static_cast<std::size_t>(ranks.rank())] = learn(fixed, &ranks);
    });
    for (const Learned& each : learned) {
      for (const auto& [name, value] : alone.variables) {
        const TensorView a = each.variables.at(name), b = value;
        ASSERT_EQ(std::memcmp(a.data, b.data, b.type.bytes()), 0) << name;
      }
    }
  }
}

TEST(RanksSlow, GiveTheSameBitsFromImages) { expect_same_bits_on_any_number_of_ranks(kImages); }
TEST(Ranks, GiveTheSameBitsFromATable) { expect_same_bits_on_any_number_of_ranks(kTable); }
TEST(Ranks, GiveTheSameBitsInBuckets) { expect_same_bits_on_any_number_of_ranks(kWide); }

TEST(Ranks, ExchangeGradientsWhileBackwardRuns) {
  run_on_ranks(2, [](Communicator& ranks) {
    RunConfig config = parse_run_config(kWide, "run");
    const DataSource source(config, ".");
    const Model model(config, *source.pipeline());
    TrainingProgram program(model, {}, 5, &ranks);
    const Graph& graph = program.executor(5, TrainingProgram::Phase::update).graph();
    std::vector<std::string> order;
    for (const Node& node : graph.nodes()) {
      if (!node.op) continue;
      const std::string name(node.op->name());
      if (name == "linear_backward_weights" || name.ends_with("_all_reduce")) order.push_back(name);
    }
    EXPECT_EQ(order,
              (std::vector<std::string>{"linear_backward_weights", "linear_backward_weights",
                                        "start_all_reduce", "linear_backward_weights", "start_all_reduce",
                                        "finish_all_reduce", "finish_all_reduce"}));
  });
}

TEST(Ranks, StartFromTheFirstOnesState) {
  run_on_ranks(3, [](Communicator& ranks) {
    RunConfig config = parse_run_config(text("seed: ", ranks.rank() + 1, kTable), "run");
    const DataSource source(config, ".");
    const Model model(config, *source.pipeline());
    TrainingProgram program(model, {}, 7, &ranks);
    TrainingProgress progress{.step = 7 * ranks.rank(), .best = ranks.rank() + 0.5};
    broadcast_state(ranks, program, progress);
    EXPECT_EQ(progress.step, 0);
    EXPECT_EQ(progress.best, 0.5);
    RunConfig first = parse_run_config(text("seed: 1", kTable), "run");
    const Model expected_model(first, *source.pipeline());
    const TrainingProgram expected(expected_model, {}, 7);
    const Tensor ours = program.variables().read(TrainingProgram::kParameters);
    const Tensor theirs = expected.variables().read(TrainingProgram::kParameters);
    for (std::int64_t i = 0; i < ours.elements(); ++i) ASSERT_EQ(ours.at({i}), theirs.at({i}));
  });
}

std::string shared_failure(Communicator& ranks, const std::function<void()>& body, int exit_code) {
  try {
    together(&ranks, body);
  } catch (const SharedFailure& failure) {
    EXPECT_EQ(failure.exit_code(), exit_code);
    return failure.what();
  }
  return "";
}

TEST(Ranks, FailTogether) {
  run_on_ranks(3, [](Communicator& ranks) {
    EXPECT_EQ(shared_failure(
                  ranks, [] {}, 0),
              "");
    EXPECT_EQ(shared_failure(
                  ranks, [] { throw UserError("a mistake"); }, 2),
              "a mistake");
    EXPECT_EQ(shared_failure(
                  ranks,
                  [&] {
                    if (ranks.rank() == 1) throw Error("out of memory");
                  },
                  1),
              "rank 1: out of memory");
    EXPECT_EQ(shared_failure(
                  ranks, [&] { throw UserError(text("no file ", ranks.rank())); }, 2),
              "rank 0: no file 0");
  });
  EXPECT_THROW(together(nullptr, [] { throw UserError("a mistake"); }), UserError);
}

TEST(Ranks, AgreeOnWhatAnyOfThemHasMet) {
  run_on_ranks(3, [](Communicator& ranks) {
    EXPECT_EQ(agree_on_signal(ranks, 0), 0);
    EXPECT_EQ(agree_on_signal(ranks, ranks.rank() == 2 ? SIGTERM : 0), SIGTERM);
    EXPECT_EQ(agree_on_signal(ranks, ranks.rank() == 2 ? SIGTERM : SIGINT), SIGINT);
    EXPECT_EQ(first_of_all(ranks, 3 - ranks.rank(), text("rank ", ranks.rank())), "rank 2");
    EXPECT_FALSE(any_of_all(ranks, false));
    EXPECT_TRUE(any_of_all(ranks, ranks.rank() == 1));
  });
}

}  // namespace
}  // namespace slipway::test
