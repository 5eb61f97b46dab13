#include "tools/train/ranks.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstring>

#include "tests/support/learning.h"
#include "tests/support/local_ranks.h"
#include "tools/train/data_source.h"
#include "tools/train/run_state.h"

namespace slipway::test {
namespace {

constexpr const char* kDivided = "shard_optimizer: true";

void expect_ranks_learn_the_same(const std::string& yaml) {
  const Learned alone = learn(yaml);
  for (const int count : {1, 2, 3, 4}) {
    SCOPED_TRACE(text(count, " ranks"));
    std::vector<Learned> learned(static_cast<std::size_t>(count));
    run_on_ranks(count, [&](Communicator& ranks) {
      learned[static_cast<std::size_t>(ranks.rank())] = learn(yaml, {.ranks = &ranks});
    });
    expect_same(learned[0], alone, 2e-5);
    for (const Learned& other : learned) expect_same(other, learned[0], 0);
  }
}

TEST(RanksSlow, LearnTheSameFromImages) { expect_ranks_learn_the_same(kImages); }
TEST(Ranks, LearnTheSameFromATable) { expect_ranks_learn_the_same(kTable); }

TEST(RanksSlow, LearnTheSameInBuckets) { expect_ranks_learn_the_same(kWide); }

TEST(Ranks, SendGradientsInBfloat16) {
  const std::string narrow = with_setting(kTable, "wire: bfloat16");
  const Learned expected = learn(kTable);
  for (const std::string& yaml : {narrow, with_setting(narrow, kDivided)}) {
    std::vector<Learned> learned(3);
    run_on_ranks(3, [&](Communicator& ranks) {
      learned[static_cast<std::size_t>(ranks.rank())] = learn(yaml, {.ranks = &ranks});
    });
    expect_same(learned[0], expected, 5e-2);
    EXPECT_NE(learned[0].figures, expected.figures);
    for (const Learned& other : learned) expect_same(other, learned[0], 0);
  }
}

TEST(RanksSlow, LearnTheSameFromImagesWithDividedState) {
  expect_ranks_learn_the_same(with_setting(kImages, kDivided));
}
TEST(Ranks, LearnTheSameFromATableWithDividedState) {
  expect_ranks_learn_the_same(with_setting(kTable, kDivided));
}
TEST(RanksSlow, LearnTheSameInBucketsWithDividedState) {
  expect_ranks_learn_the_same(with_setting(kWide, kDivided));
}

/// Of one rank alone, without ranks, and of others.
void expect_same_bits_on_any_number_of_ranks(const std::string& yaml) {
  const std::string fixed = "deterministic: ranks\n" + yaml;
  const Learned alone = learn(fixed);
  expect_same(alone, learn(yaml), 2e-5);
  for (const int count : {1, 2, 4, 8}) {
    SCOPED_TRACE(text(count, " ranks"));
    std::vector<Learned> learned(static_cast<std::size_t>(count));
    run_on_ranks(count, [&](Communicator& ranks) {
      learned[static_cast<std::size_t>(ranks.rank())] = learn(fixed, {.ranks = &ranks});
    });
    for (const Learned& each : learned) expect_same_bits(each, alone);
  }
}

TEST(RanksSlow, GiveTheSameBitsFromImages) { expect_same_bits_on_any_number_of_ranks(kImages); }
TEST(Ranks, GiveTheSameBitsFromATable) { expect_same_bits_on_any_number_of_ranks(kTable); }
TEST(RanksSlow, GiveTheSameBitsFromImagesWithDividedState) {
  expect_same_bits_on_any_number_of_ranks(with_setting(kImages, kDivided));
}
TEST(Ranks, GiveTheSameBitsFromATableWithDividedState) {
  expect_same_bits_on_any_number_of_ranks(with_setting(kTable, kDivided));
}
TEST(RanksSlow, GiveTheSameBitsInBuckets) { expect_same_bits_on_any_number_of_ranks(kWide); }

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

TEST(Ranks, BucketsLieInTheirArena) {
  run_on_ranks(2, [](Communicator& ranks) {
    const std::string accumulated = "accumulate: 2, ";  // such sums are copied
    std::string yaml = kWide;
    yaml.replace(yaml.find(accumulated), accumulated.size(), "");
    RunConfig config = parse_run_config(yaml, "run");
    const DataSource source(config, ".");
    const Model model(config, *source.pipeline());
    TrainingProgram program(model, {}, 5, &ranks);
    const Executor& executor = program.executor(5, TrainingProgram::Phase::update);
    const auto offset = [&](Value value) { return executor.memory()[value].offset; };
    int buckets = 0;
    for (int i = 0; i < static_cast<int>(executor.graph().nodes().size()); ++i) {
      const Node& node = executor.graph().node(i);
      if (!node.op || node.op->name() != "start_all_reduce") continue;
      ++buckets;
      EXPECT_EQ(offset(node.inputs[0]), offset({i, 0}));
      for (const Value gradient : executor.graph().node(node.inputs[0].node).inputs) {
        EXPECT_GE(offset(gradient), offset({i, 0}));
        EXPECT_LT(offset(gradient), offset({i, 0}) + executor.graph().type({i, 0}).bytes());
      }
    }
    EXPECT_EQ(buckets, 2);
  });
}

/// Three ranks keep a third of the state each; rounded up to whole slices of buckets.
TEST(Ranks, DivideTheOptimizersState) {
  run_on_ranks(3, [](Communicator& ranks) {
    RunConfig config = parse_run_config(with_setting(kWide, kDivided), "run");
    const DataSource source(config, ".");
    const Model model(config, *source.pipeline());
    const TrainingProgram program(model, {}, 5, &ranks);
    const std::int64_t all = program.arena().elements;
    const std::int64_t own = program.variables()["optimizer.momentum"].elements();
    EXPECT_EQ(own * 3, all);
    std::int64_t parameters = 0;
    for (const VariableArena::Member& member : program.arena().members) parameters += member.elements;
    EXPECT_LT(all - parameters, 1000);
  });
}

/// Parts go to a checkpoint of the usual form, and from there to another number of ranks.
TEST(Ranks, DividedStateSurvivesACheckpoint) {
  const std::string yaml = with_setting(kTable, kDivided);
  const auto with_program = [&](Communicator& ranks, const auto& body) {
    RunConfig config = parse_run_config(yaml, "run");
    const DataSource source(config, ".");
    const Model model(config, *source.pipeline());
    TrainingProgram program(model, {}, 7, &ranks);
    body(program);
  };
  Checkpoint saved;
  run_on_ranks(2, [&](Communicator& ranks) {
    with_program(ranks, [&](TrainingProgram& program) {
      const Tensor& state = program.variables()["optimizer.first_moment"];
      for (std::int64_t i = 0; i < state.elements(); ++i)
        state.as<float>()[static_cast<std::size_t>(i)] = static_cast<float>(1000 * ranks.rank() + i);
      const WholeStates states = collect_states(program);
      if (ranks.rank() == 0) capture_variables(program, states, saved);
    });
  });
  for (const int count : {1, 3}) {
    Checkpoint again;
    run_on_ranks(count, [&](Communicator& ranks) {
      with_program(ranks, [&](TrainingProgram& program) {
        WholeStates states;
        if (ranks.rank() == 0) states = restore_variables(program, saved, "saved.h5");
        divide_states(program, states);
        states = collect_states(program);
        if (ranks.rank() == 0) capture_variables(program, states, again);
      });
    });
    ASSERT_EQ(again.optimizer.size(), saved.optimizer.size());
    for (const auto& [name, value] : saved.optimizer) {
      const TensorView a = again.optimizer.at(name), b = value;
      EXPECT_EQ(std::memcmp(a.data, b.data, b.type.bytes()), 0) << name;
    }
  }
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
    EXPECT_FALSE(any_of_all(ranks, false, "a test"));
    EXPECT_TRUE(any_of_all(ranks, ranks.rank() == 1, "a test"));
  });
}

}  // namespace
}  // namespace slipway::test
