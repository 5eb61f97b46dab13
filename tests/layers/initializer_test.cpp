#include "layers/initializer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace slipway {
namespace {

Slot<Initializer> parse(const std::string& yaml) {
  Slot<Initializer> slot;
  ConfigErrors errors;
  read_slot(ConfigNode::parse(yaml, "test.yaml"), slot, errors);
  errors.throw_if_any();
  return slot;
}

Tensor draw(const std::string& yaml, const Shape& shape, DType dtype = DType::float32) {
  const Tensor values(dtype, shape);
  RandomSequence random({.key = random_key(1, yaml)});
  initialize_by(parse(yaml), Fans::of_weight(shape))(values, random);
  return values;
}

struct Moments {
  double mean = 0, deviation = 0, kurtosis = 0, low = 0, high = 0;
};

Moments moments(const Tensor& tensor) {
  const Tensor copy = tensor.cast(DType::float64);
  const auto values = copy.as<double>();
  const double count = static_cast<double>(values.size());
  Moments found;
  for (const double value : values) found.mean += value / count;
  double second = 0, fourth = 0;
  for (const double value : values) {
    const double square = (value - found.mean) * (value - found.mean);
    second += square / count;
    fourth += square * square / count;
  }
  found.deviation = std::sqrt(second);
  found.kurtosis = fourth / (second * second);
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  found.low = *low;
  found.high = *high;
  return found;
}

// A convolution's weight: fan_in = 16 * 9 = 144, fan_out = 512 * 9 = 4608; 73,728 values.
const Shape kShape = {512, 16, 3, 3};
constexpr double kFanIn = 144, kFanOut = 4608;

void expect_uniform(const std::string& yaml, double low, double high) {
  const Moments found = moments(draw(yaml, kShape));
  const double width = high - low;
  EXPECT_NEAR(found.mean, (low + high) / 2, 0.01 * width) << yaml;
  EXPECT_NEAR(found.deviation, width / std::sqrt(12.0), 0.01 * width) << yaml;
  EXPECT_NEAR(found.kurtosis, 1.8, 0.02) << yaml;
  EXPECT_GE(found.low, low - 1e-7 * width) << yaml;
  EXPECT_LE(found.low, low + 1e-3 * width) << yaml;
  EXPECT_LE(found.high, high + 1e-7 * width) << yaml;
  EXPECT_GE(found.high, high - 1e-3 * width) << yaml;
}

void expect_normal(const std::string& yaml, double mean, double deviation) {
  const Moments found = moments(draw(yaml, kShape));
  EXPECT_NEAR(found.mean, mean, 0.015 * deviation) << yaml;
  EXPECT_NEAR(found.deviation, deviation, 0.012 * deviation) << yaml;
  EXPECT_NEAR(found.kurtosis, 3, 0.1) << yaml;
  EXPECT_LT(found.low, mean - 3.8 * deviation) << yaml;
  EXPECT_GT(found.high, mean + 3.8 * deviation) << yaml;
}

TEST(Initializer, FillsWithOneValue) {
  for (const auto& [yaml, expected] : {std::pair{"zeros", 0.0}, {"ones", 1.0}, {"constant: -0.75", -0.75}}) {
    const Moments found = moments(draw(yaml, {3, 5}));
    EXPECT_EQ(found.low, expected) << yaml;
    EXPECT_EQ(found.high, expected) << yaml;
  }
}

// The bounds and deviations are those of torch.nn.init and of the reset_parameters of its layers.
TEST(Initializer, DrawsUniformly) {
  expect_uniform("uniform", 0, 1);
  expect_uniform("uniform: {low: -3, high: -1}", -3, -1);
  expect_uniform("fan_in_uniform", -1 / 12.0, 1 / 12.0);
  const double xavier = std::sqrt(6 / (kFanIn + kFanOut));
  expect_uniform("xavier_uniform", -xavier, xavier);
  expect_uniform("xavier_uniform: 3", -3 * xavier, 3 * xavier);
  const double kaiming = std::sqrt(3 / kFanIn);
  expect_uniform("kaiming_uniform", -std::sqrt(2.0) * kaiming, std::sqrt(2.0) * kaiming);
  expect_uniform("kaiming_uniform: {nonlinearity: linear}", -kaiming, kaiming);
  // What PyTorch gives linear and conv2d: kaiming_uniform_(a=√5), the same as fan_in_uniform.
  expect_uniform("kaiming_uniform: {nonlinearity: leaky_relu, slope: 2.2360679775}", -1 / 12.0, 1 / 12.0);
}

TEST(Initializer, DrawsNormally) {
  expect_normal("normal", 0, 1);
  expect_normal("normal: {mean: 4, std: 0.5}", 4, 0.5);
  expect_normal("xavier_normal", 0, std::sqrt(2 / (kFanIn + kFanOut)));
  const double forward = 1 / std::sqrt(kFanIn);
  expect_normal("kaiming_normal", 0, std::sqrt(2.0) * forward);
  expect_normal("kaiming_normal: {mode: fan_out}", 0, std::sqrt(2 / kFanOut));
  expect_normal("kaiming_normal: {nonlinearity: tanh}", 0, 5.0 / 3 * forward);
  expect_normal("kaiming_normal: {nonlinearity: selu}", 0, 0.75 * forward);
  expect_normal("kaiming_normal: {nonlinearity: sigmoid}", 0, forward);
  expect_normal("kaiming_normal: {nonlinearity: leaky_relu, slope: 0.2}", 0, std::sqrt(2 / 1.04) * forward);
}

// The quantiles come in the order of the words they are made of: the distribution function takes them back.
TEST(Initializer, NormalValuesAreQuantiles) {
  const Tensor values = draw("normal", {1000, 50});
  RandomSequence words({.key = random_key(1, "normal")});
  for (const float value : values.as<float>()) {
    const double probability = (static_cast<double>(words.word() >> 8) + 0.5) * 0x1p-24;
    const double back = 0.5 * std::erfc(-value / std::sqrt(2.0));
    const double density = std::exp(-0.5 * value * value) / std::sqrt(8 * std::atan(1.0));
    ASSERT_NEAR(back, probability, density * 1e-6 * std::max(1.0f, std::abs(value)));
  }
}

// Mean and deviation of scipy.stats.truncnorm.
TEST(Initializer, TruncatesNormal) {
  const Moments two = moments(draw("truncated_normal: {mean: 1, std: 3}", kShape));
  EXPECT_NEAR(two.mean, 1, 0.03);
  EXPECT_NEAR(two.deviation, 3 * 0.87962566103, 0.02);
  EXPECT_GE(two.low, -5);
  EXPECT_LE(two.high, 7);
  EXPECT_GT(two.high, 6.9);
  const Moments one = moments(draw("truncated_normal: {cutoff: 1}", kShape));
  EXPECT_NEAR(one.deviation, 0.5395599, 0.004);
  EXPECT_GE(one.low, -1);
  EXPECT_LE(one.high, 1);
}

TEST(Initializer, MakesOrthogonalRowsOrColumns) {
  for (const Shape& shape : {Shape{6, 20}, Shape{20, 6}, Shape{7, 7}, Shape{5, 2, 3, 3}, Shape{1, 1}}) {
    const Tensor drawn = draw("orthogonal: 2", shape, DType::float64);
    const std::int64_t rows = shape[0], columns = shape.elements() / rows;
    const Tensor matrix = drawn.reshaped({rows, columns});
    const bool wide = rows <= columns;
    const std::int64_t count = std::min(rows, columns), length = std::max(rows, columns);
    for (std::int64_t i = 0; i < count; ++i) {
      for (std::int64_t k = 0; k < count; ++k) {
        double product = 0;
        for (std::int64_t at = 0; at < length; ++at)
          product += wide ? matrix.at({i, at}) * matrix.at({k, at}) : matrix.at({at, i}) * matrix.at({at, k});
        EXPECT_NEAR(product, i == k ? 4 : 0, 1e-12) << shape << ' ' << i << ' ' << k;
      }
    }
  }
}

TEST(Initializer, ValuesDependOnTheSeedAndNotOnTheDType) {
  const Tensor single = draw("kaiming_normal", {9, 11}), twice = draw("kaiming_normal", {9, 11});
  const Tensor wide = draw("kaiming_normal", {9, 11}, DType::float64);
  EXPECT_TRUE(std::ranges::equal(single.as<float>(), twice.as<float>()));
  EXPECT_TRUE(std::ranges::equal(single.as<float>(), wide.as<double>()));
  EXPECT_FALSE(std::ranges::equal(single.as<float>(), draw("kaiming_uniform", {9, 11}).as<float>()));
}

TEST(Initializer, RefusesSettingsThatMakeNoSense) {
  EXPECT_THROW(parse("normal: -1"), UserError);
  EXPECT_THROW(parse("constant"), UserError);
  EXPECT_THROW(parse("uniform: {low: 1, high: 0}"), UserError);
  EXPECT_THROW(parse("truncated_normal: {cutoff: 0}"), UserError);
  EXPECT_THROW(parse("kaiming_normal: {mode: fan}"), UserError);
  EXPECT_THROW(parse("xavier"), UserError);
}

}  // namespace
}  // namespace slipway
