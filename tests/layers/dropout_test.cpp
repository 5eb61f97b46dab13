#include <gtest/gtest.h>

#include <cmath>

#include "core/runtime/step_state.h"
#include "layers/layer.h"
#include "layers/ops/dropout.h"
#include "tests/support/layer_models.h"
#include "tests/support/op_case.h"

namespace slipway::test {
namespace {

OpCase dropout(const char* name, double probability, const Shape& shape) {
  return {.name = name,
          .op = std::make_shared<Dropout>(probability, 7),
          .inputs = {{.shape = shape}, {.shape = {}, .low = 3, .high = 4, .dtype = DType::int64}},
          .onnx = false};
}

OP_CASES(Dropout, {dropout("half", 0.5, {7, 9}), dropout("none", 0, {5}), dropout("scalar", 0.1, {}),
                   dropout("empty", 0.1, {0, 3}), dropout("image", 0.25, {2, 17, 5, 3}),
                   dropout("groups", 0.9, {64, 2}), dropout("parallel", 0.1, {70001})});

std::vector<float> mask(double probability, std::uint64_t key, std::int64_t step, std::int64_t count) {
  const Tensor y =
      run_op(Dropout(probability, key), {Tensor::full(DType::float32, {count}, 1), Tensor::scalar(step)});
  return {y.as<float>().begin(), y.as<float>().end()};
}

/// Parts of a batch draw the mask of the whole, wherever they begin.
TEST(Dropout, PartsDrawTheMaskOfTheWhole) {
  const std::int64_t count = 1000, step = 3;
  const std::vector<float> whole = mask(0.4, 11, step, count);
  for (const std::int64_t first : {0, 1, 63, 64, 65, 640, 999}) {
    for (const std::int64_t size : {std::int64_t{0}, std::int64_t{1}, count - first}) {
      const Tensor ones = Tensor::full(DType::float32, {size}, 1);
      const Tensor part = run_op(Dropout(0.4, 11, first), {ones, Tensor::scalar(step)});
      for (std::int64_t i = 0; i < size; ++i)
        ASSERT_EQ(part.as<float>()[static_cast<std::size_t>(i)], whole[static_cast<std::size_t>(first + i)])
            << first << " + " << i;
    }
  }
}

TEST(Dropout, ComesFromPhilox) {
  const double probability = 0.3;
  const Philox source{.key = 11, .stream = 5};
  const auto kept = mask(probability, 11, 5, 200);
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const std::size_t group = i / 64, within = i % 64;
    const std::uint32_t word = source(group * 16 + within % 16)[within / 16];
    EXPECT_EQ(kept[i], Philox::uniform(word) < 0.3 ? 0.0f : static_cast<float>(1 / 0.7)) << i;
  }
}

TEST(Dropout, DropsTheGivenShareAndKeepsTheMean) {
  for (const double probability : {0.1, 0.5, 0.9}) {
    const int count = 1 << 18;
    double zeros = 0, sum = 0;
    for (const float value : mask(probability, 1, 0, count)) zeros += value == 0, sum += value;
    const double deviation = std::sqrt(probability * (1 - probability) / count);
    EXPECT_NEAR(zeros / count, probability, 4 * deviation);
    EXPECT_NEAR(sum / count, 1, 4 * deviation / (1 - probability));
  }
}

TEST(Dropout, DiffersByStepAndKey) {
  const auto first = mask(0.5, 1, 0, 1000);
  EXPECT_EQ(first, mask(0.5, 1, 0, 1000));
  EXPECT_NE(first, mask(0.5, 1, 1, 1000));
  EXPECT_NE(first, mask(0.5, 2, 0, 1000));
}

TEST(DropoutLayer, IsThereInTrainingOnly) {
  for (const Mode mode : {Mode::training, Mode::evaluation}) {
    Graph graph;
    const Scope scope(graph, {.mode = mode}, "drop");
    const Value x = graph.input("x", {DType::float32, {4}});
    const Value y = Slot<Layer>("dropout")->build(scope, x);
    EXPECT_EQ(y == x, mode == Mode::evaluation);
    EXPECT_EQ(static_cast<bool>(graph.find(StepState::kStep)), mode == Mode::training);
  }
}

TEST(DropoutLayer, TakesARateBelowOne) {
  EXPECT_NE(layer_error("[dropout: 1]", {2, 3}).find("[0, 1)"), std::string::npos);
  EXPECT_NE(layer_error("[dropout: -0.5]", {2, 3}).find("[0, 1)"), std::string::npos);
  const LayerGraph none(parse_layers("[dropout: 0]"), {DType::float32, {2, 3}});
  EXPECT_EQ(none.output, none.input);
}

// Two layers of one model, and one layer of two runs, drop different values.
TEST(DropoutLayer, DrawsByNameAndSeed) {
  const auto key = [](std::uint64_t seed, const std::string& name) {
    Graph graph;
    const Scope scope(graph, {.seed = seed}, name);
    const Value y = Slot<Layer>("dropout")->build(scope, graph.input("x", {DType::float32, {4}}));
    return graph.node(y.node).op->attributes();
  };
  EXPECT_EQ(key(1, "a"), key(1, "a"));
  EXPECT_NE(key(1, "a"), key(1, "b"));
  EXPECT_NE(key(1, "a"), key(2, "a"));
}

}  // namespace
}  // namespace slipway::test
