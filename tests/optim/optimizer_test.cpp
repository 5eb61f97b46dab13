#include "optim/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/runtime/executor.h"
#include "core/runtime/step_state.h"

namespace slipway {
namespace {

Slot<Optimizer> parse(const std::string& yaml) {
  Slot<Optimizer> slot;
  ConfigErrors errors;
  read_slot(ConfigNode::parse(yaml, "test.yaml"), slot, errors);
  errors.throw_if_any();
  return slot;
}

/// Two variables of three elements; the second neither decays nor moves at the full rate.
class Problem {
 public:
  Problem(const std::string& yaml, DType dtype, int threads, double gradient_scale = 1)
      : optimizer_(parse(yaml)) {
    Graph graph;
    std::vector<Value> variables;
    for (const bool decay : {true, false}) {
      variables.push_back(graph.variable({.name = decay ? "a.weight" : "b.bias",
                                          .dtype = dtype,
                                          .shape = {3},
                                          .initialize = nullptr,
                                          .trainable = true,
                                          .decay = decay}));
    }
    const VariableArena arena = VariableArena::plan(graph, "parameters", variables);
    variables_.allocate(arena, graph);
    variables_.write("a.weight", Tensor::of<double>({3}, {0.5, -1, 2}));
    variables_.write("b.bias", Tensor::of<double>({3}, {0.25, -0.75, 1.5}));

    Graph update;
    const ValueType flat(dtype, {arena.elements});
    const UpdateInputs inputs{
        .parameters = update.variable(
            {.name = "parameters", .dtype = dtype, .shape = flat.shape, .initialize = nullptr}),
        .gradients = update.input("gradients", flat),
        .learning_rate = StepState::learning_rate(update),
        .step = StepState::step(update),
        .gradient_scale = update.input("scale", {DType::float32, {}})};
    optimizer_->build(update, inputs, optimizer_->segments(arena, graph));
    variables_.allocate(update);
    gradients_ = Tensor::zeros(dtype, flat.shape);
    scale_ = Tensor::scalar(static_cast<float>(gradient_scale));
    StepState::set_learning_rate(variables_, optimizer_->learning_rate);
    executor_ = std::make_unique<Executor>(update, Stream{.threads = threads}, variables_);
    executor_->bind("gradients", gradients_);
    executor_->bind("scale", scale_);
  }

  std::vector<double> parameters() const {
    std::vector<double> all;
    for (const char* name : {"a.weight", "b.bias"}) {
      for (std::int64_t i = 0; i < 3; ++i) all.push_back(variables_[name].at({i}));
    }
    return all;
  }

  /// Gradients that depend on the parameters, so that errors would grow: sin(0.7 i + 1.3 t) + p / 2.
  void step(int t) {
    const std::vector<double> p = parameters();
    for (int i = 0; i < 6; ++i) {
      const double gradient =
          (std::sin(0.7 * i + 1.3 * t) + 0.5 * p[static_cast<std::size_t>(i)]) / scale_.item();
      const std::int64_t at = i < 3 ? i : 16 + i - 3;
      if (gradients_.dtype() == DType::float64)
        gradients_.as<double>()[static_cast<std::size_t>(at)] = gradient;
      else
        gradients_.as<float>()[static_cast<std::size_t>(at)] = static_cast<float>(gradient);
    }
    StepState::set_step(variables_, t);
    executor_->run();
  }
  const Variables& variables() const { return variables_; }

 private:
  Slot<Optimizer> optimizer_;
  Variables variables_;
  Tensor gradients_, scale_;
  std::unique_ptr<Executor> executor_;
};

struct Case {
  const char* yaml;
  std::vector<double> expected;  // after fifty steps of the torch.optim class of that name in float64
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"sgd: {learning_rate: 0.125}",
       {0.01746059824, -0.11166492, -0.02837769339, 0.003953331102, -0.1664114239, 0.3338333653}},
      {"sgd: {learning_rate: 0.0625, weight_decay: 0.1, momentum: 0.9}",
       {0.002847122558, 0.08788813318, -0.1619716663, -0.008272038739, -0.0662571571, 0.06317939803}},
      {"sgd: {learning_rate: 0.0625, weight_decay: 0.1, momentum: 0.9, dampening: 0.5}",
       {0.05125263556, -0.0755098681, 0.1264605132, -0.02249945865, 0.04968460943, -0.1381887115}},
      {"sgd: {learning_rate: 0.0625, weight_decay: 0.1, momentum: 0.9, nesterov: true}",
       {0.02105162575, 0.00324020964, -0.126917079, -0.03498520236, -0.0557950739, 0.04006493526}},
      {"adam: {learning_rate: 0.0625, weight_decay: 0.1}",
       {-0.01431359417, 0.00836381024, 0.1662942998, 0.05586560836, -0.2025589729, 0.5792768336}},
      {"adam: {learning_rate: 0.0625, betas: [0.8, 0.95], epsilon: 0.001, amsgrad: true}",
       {0.03064577707, -0.1170021693, 0.3385930568, 0.06383934835, -0.2361191422, 0.615892132}},
      {"adamw: {learning_rate: 0.0625, weight_decay: 0.1}",
       {-0.007635456721, -0.01142857056, 0.1203187589, 0.05586560836, -0.2025589729, 0.5792768336}},
  };
  return all;
}

constexpr const char* kGroups = "groups: [{pattern: b.*, learning_rate_scale: 0.5}], ";

std::string with_groups(std::string yaml) { return yaml.insert(yaml.find('{') + 1, kGroups); }

TEST(Optimizer, FiftyStepsFollowPyTorch) {
  for (const Case& test : cases()) {
    for (const DType dtype : {DType::float64, DType::float32}) {
      for (const double scale : {1.0, 0.25}) {
        Problem problem(with_groups(test.yaml), dtype, 2, scale);
        for (int t = 0; t < 50; ++t) problem.step(t);
        const std::vector<double> got = problem.parameters();
        for (std::size_t i = 0; i < got.size(); ++i) {
          EXPECT_NEAR(got[i], test.expected[i], 1e-6)
              << test.yaml << ' ' << dtype << " scale " << scale << ' ' << i;
        }
      }
    }
  }
}

TEST(Optimizer, GapsOfTheArenaStayZero) {
  for (const Case& test : cases()) {
    Problem problem(with_groups(test.yaml), DType::float32, 1);
    for (int t = 0; t < 3; ++t) problem.step(t);
    const auto flat = problem.variables()["parameters"].as<float>();
    for (std::size_t i = 0; i < flat.size(); ++i) {
      EXPECT_TRUE(i % 16 < 3 || flat[i] == 0) << test.yaml << ' ' << i;
    }
  }
}

TEST(Optimizer, SkipsAnUpdateWhoseScaleIsNotFinite) {
  for (const Case& test : cases()) {
    Problem problem(test.yaml, DType::float32, 1, std::nan(""));
    const std::vector<double> before = problem.parameters();
    problem.step(0);
    EXPECT_EQ(problem.parameters(), before) << test.yaml;
    for (const std::string& name : problem.variables().names()) {
      if (!name.starts_with("optimizer.")) continue;
      for (const float value : problem.variables()[name].as<float>()) EXPECT_EQ(value, 0) << name;
    }
  }
}

TEST(Optimizer, ThreadsDoNotChangeBits) {
  const std::int64_t count = 100003;
  const auto update = [&](int threads) {
    Graph graph;
    const ValueType flat(DType::float32, {count});
    const UpdateInputs inputs{
        .parameters = graph.variable({.name = "p", .shape = flat.shape, .initialize = nullptr}),
        .gradients = graph.input("g", flat),
        .learning_rate = StepState::learning_rate(graph),
        .step = StepState::step(graph),
        .gradient_scale = {}};
    parse("adamw")->build(graph, inputs,
                          {{.begin = 0, .end = 50001, .weight_decay = 0.1}, {.begin = 50001, .end = count}});
    Variables variables;
    variables.allocate(graph);
    StepState::set_learning_rate(variables, 0.01);
    Tensor gradients(flat);
    for (std::int64_t i = 0; i < count; ++i) {
      gradients.as<float>()[static_cast<std::size_t>(i)] = std::sin(static_cast<float>(i));
      variables["p"].as<float>()[static_cast<std::size_t>(i)] = std::cos(static_cast<float>(i));
    }
    Executor executor(graph, Stream{.threads = threads}, variables);
    executor.bind("g", gradients);
    executor.run();
    const Tensor tensor = variables.read("p");
    const auto result = tensor.as<float>();
    return std::vector<float>(result.begin(), result.end());
  };
  const auto one = update(1);
  EXPECT_EQ(one, update(2));
  EXPECT_EQ(one, update(3));
}

/// Each half of the parameters, cut across groups, as by two ranks.
TEST(Optimizer, UpdatesRanges) {
  constexpr std::int64_t kCount = 96;
  const auto run = [&](const std::string& yaml, const std::vector<UpdateRange>& ranges) {
    Graph graph;
    std::int64_t updated = 0;
    for (const UpdateRange& range : ranges) updated += range.end - range.begin;
    const ValueType own(DType::float32, {updated});
    parse(yaml)->build(
        graph,
        {.parameters = graph.variable({.name = "p", .shape = {kCount}, .initialize = nullptr}),
         .ranges = ranges,
         .gradients = graph.input("g", own),
         .learning_rate = StepState::learning_rate(graph),
         .step = StepState::step(graph),
         .gradient_scale = {}},
        {{.begin = 0, .end = 40, .weight_decay = 0.1}, {.begin = 40, .end = 90, .learning_rate_scale = 0.5}});
    Variables variables;
    variables.allocate(graph);
    StepState::set_learning_rate(variables, 0.01);
    Tensor gradients(own);
    std::size_t at = 0;
    for (const UpdateRange& range : ranges) {
      for (std::int64_t i = range.begin; i < range.end; ++i)
        gradients.as<float>()[at++] = std::sin(static_cast<float>(i));
    }
    for (std::size_t i = 0; i < kCount; ++i) variables["p"].as<float>()[i] = std::cos(static_cast<float>(i));
    Executor executor(graph, {}, variables);
    executor.bind("g", gradients);
    for (int step = 0; step < 2; ++step) {
      StepState::set_step(variables, step);
      executor.run();
    }
    const std::span<const float> p = variables["p"].as<float>();
    return std::vector<float>(p.begin(), p.end());
  };
  for (const std::string yaml :
       {"sgd: {momentum: 0.9, weight_decay: 0.1}", "adam: {amsgrad: true}", "adamw"}) {
    const std::vector<float> whole = run(yaml, {{0, kCount}});
    const std::vector<float> first = run(yaml, {{0, 32}, {64, 80}}), second = run(yaml, {{32, 64}, {80, 96}});
    for (std::size_t i = 0; i < kCount; ++i) {
      const bool in_first = i < 32 || (i >= 64 && i < 80);
      EXPECT_EQ(in_first ? first[i] : second[i], whole[i]) << yaml << ' ' << i;
      EXPECT_EQ(in_first ? second[i] : first[i], std::cos(static_cast<float>(i))) << yaml << ' ' << i;
    }
  }
}

TEST(Optimizer, RefusesSettingsThatMakeNoSense) {
  EXPECT_THROW(parse("sgd: {nesterov: true}"), UserError);
  EXPECT_THROW(parse("adam: {betas: [0.9]}"), UserError);
  EXPECT_THROW(parse("adam: {betas: [0.9, 1]}"), UserError);
  EXPECT_THROW(parse("adamw: {learning_rate: -1}"), UserError);
  EXPECT_THROW(parse("sgd: {groups: [{weight_decay: 1}]}"), UserError);
  EXPECT_EQ(parse("adamw: 0.25")->learning_rate, 0.25);
}

}  // namespace
}  // namespace slipway
