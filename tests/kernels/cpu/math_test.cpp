#include "kernels/cpu/math.h"

#include <gtest/gtest.h>

#include <limits>

namespace slipway::cpu {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

/// The distance from the true value in units of the last place of a float there.
double ulps(float actual, double expected) {
  const float rounded = static_cast<float>(expected);
  if (actual == rounded || (std::isnan(actual) && std::isnan(rounded))) return 0;
  if (!std::isfinite(actual) || !std::isfinite(rounded)) return HUGE_VAL;
  const double unit = std::max(
      static_cast<double>(std::nextafter(std::abs(rounded), kInfinity)) - std::abs(rounded), 0x1p-149);
  return std::abs(static_cast<double>(actual) - expected) / unit;
}

/// The worst error over floats spread evenly by bit pattern between two positive bounds, of either sign.
template <class Function, class Reference>
double worst_ulps(float low, float high, bool negative, Function function, Reference reference) {
  double worst = 0;
  const auto first = std::bit_cast<std::uint32_t>(low), last = std::bit_cast<std::uint32_t>(high);
  const std::uint32_t step = std::max(1u, (last - first) / 400000);
  for (std::uint32_t bits = first; bits <= last && bits >= first; bits += step) {
    const float x = negative ? -std::bit_cast<float>(bits) : std::bit_cast<float>(bits);
    worst = std::max(worst, ulps(function(x), reference(static_cast<double>(x))));
  }
  return worst;
}

TEST(Math, ExpIsAccurate) {
  const auto own = [](float x) { return exp(x); };
  const auto reference = [](double x) { return std::exp(x); };
  EXPECT_LE(worst_ulps(1e-30f, 88.7f, false, own, reference), 1.5);
  EXPECT_LE(worst_ulps(1e-30f, 87.3f, true, own, reference), 1.5);
  EXPECT_LE(worst_ulps(87.3f, 110.0f, true, own, reference), 1.5);
  EXPECT_EQ(exp(0.0f), 1.0f);
  EXPECT_EQ(exp(kInfinity), kInfinity);
  EXPECT_EQ(exp(89.0f), kInfinity);
  EXPECT_EQ(exp(-kInfinity), 0.0f);
  EXPECT_TRUE(std::isnan(exp(kNaN)));
}

TEST(Math, LogIsAccurate) {
  const auto own = [](float x) { return log(x); };
  const auto reference = [](double x) { return std::log(x); };
  EXPECT_LE(worst_ulps(0x1p-149f, 0x1p-126f, false, own, reference), 1.5);
  EXPECT_LE(worst_ulps(0x1p-126f, 0.9f, false, own, reference), 1.5);
  EXPECT_LE(worst_ulps(0.9f, 1.1f, false, own, reference), 1.5);
  EXPECT_LE(worst_ulps(1.1f, 3e38f, false, own, reference), 1.5);
  EXPECT_EQ(log(1.0f), 0.0f);
  EXPECT_EQ(log(0.0f), -kInfinity);
  EXPECT_EQ(log(-0.0f), -kInfinity);
  EXPECT_EQ(log(kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(log(-1.0f)));
  EXPECT_TRUE(std::isnan(log(kNaN)));
}

TEST(Math, TanhIsAccurate) {
  const auto own = [](float x) { return tanh(x); };
  const auto reference = [](double x) { return std::tanh(x); };
  EXPECT_LE(worst_ulps(1e-30f, 0.7f, true, own, reference), 2);
  EXPECT_LE(worst_ulps(0.5f, 20.0f, false, own, reference), 2);
  EXPECT_EQ(tanh(-kInfinity), -1.0f);
  EXPECT_TRUE(std::isnan(tanh(kNaN)));
}

TEST(Math, SigmoidIsAccurate) {
  const auto own = [](float x) { return sigmoid(x); };
  const auto reference = [](double x) { return 1 / (1 + std::exp(-x)); };
  EXPECT_LE(worst_ulps(1e-30f, 80.0f, false, own, reference), 2);
  EXPECT_LE(worst_ulps(1e-30f, 80.0f, true, own, reference), 3);
  EXPECT_EQ(sigmoid(-kInfinity), 0.0f);
  EXPECT_EQ(sigmoid(kInfinity), 1.0f);
}

TEST(Math, SoftplusIsAccurate) {
  const auto own = [](float x) { return softplus(x); };
  const auto reference = [](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); };
  EXPECT_LE(worst_ulps(1e-30f, 1e30f, false, own, reference), 3);
  EXPECT_LE(worst_ulps(1e-30f, 80.0f, true, own, reference), 3);
  EXPECT_TRUE(std::isnan(softplus(kNaN)));
}

TEST(Math, NormalCdfIsAccurate) {
  const auto own = [](float x) { return normal_cdf(x); };
  const auto reference = [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); };
  EXPECT_LE(worst_ulps(1e-30f, 20.0f, false, own, reference), 3);
  EXPECT_LE(worst_ulps(1e-30f, 1.0f, true, own, reference), 5);
  // Further out the rounding of x² grows with it: relative to the value by x² / 2 units.
  EXPECT_LE(worst_ulps(1.0f, 5.0f, true, own, reference), 20);
  EXPECT_EQ(normal_cdf(-kInfinity), 0.0f);
  EXPECT_EQ(normal_cdf(kInfinity), 1.0f);
  EXPECT_TRUE(std::isnan(normal_cdf(kNaN)));
}

}  // namespace
}  // namespace slipway::cpu
