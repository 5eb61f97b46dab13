#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "layers/loss.h"
#include "layers/ops/cross_entropy.h"

namespace slipway {
namespace {

const Tensor kLogits =
    Tensor::of<double>({5, 4}, {-0.44, 0.29, 1.34,  -1.03, -2.69, -0.57, 0.34, 1.52, 2.16, 0.69,
                                1.44,  1.66, -1.17, -2.45, -0.54, 0.41,  0.06, 0.48, 1.57, -2});
const Tensor kLabels = Tensor::of<std::int64_t>({5}, {2, 0, -100, 3, 1});
const Tensor kWeights = Tensor::of<double>({4}, {0.5, 1, 2, 1.5});

void expect_near(const Tensor& got, const std::vector<double>& expected, double tolerance = 1e-9) {
  ASSERT_EQ(got.elements(), static_cast<std::int64_t>(expected.size()));
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(got.as<double>()[i], expected[i], tolerance) << i;
}

std::vector<Tensor> run(const CrossEntropy::Options& options, const std::vector<Tensor>& inputs) {
  return run_op(CrossEntropy(options), inputs);
}

// Expected numbers are those of torch.nn.functional.cross_entropy in float64.
TEST(CrossEntropy, Plain) {
  const auto out = run({}, {kLogits, kLabels});
  EXPECT_NEAR(out[0].item(), 1.77692766966, 1e-10);
  expect_near(out[1], {0.02615264019,
                       0.0542688365,
                       -0.09491859871,
                       0.01449712202,
                       -0.2474328672,
                       0.02138713661,
                       0.05313254542,
                       0.1729131851,
                       0,
                       0,
                       0,
                       0,
                       0.03120863416,
                       0.008677164393,
                       0.05859766167,
                       -0.09848346022,
                       0.03483763971,
                       -0.1969784517,
                       0.1577006165,
                       0.004440195483});
}

TEST(CrossEntropy, SmoothedAndWeighted) {
  EXPECT_NEAR(run({.smoothing = 0.1}, {kLogits, kLabels})[0].item(), 1.79592766966, 1e-10);
  EXPECT_NEAR(run({}, {kLogits, kLabels, kWeights})[0].item(), 1.10925377517, 1e-10);
  const auto out = run({.smoothing = 0.1}, {kLogits, kLabels, kWeights});
  EXPECT_NEAR(out[0].item(), 1.16752116462, 1e-10);
  expect_near(out[1], {0.03777506589,
                       0.0785740082,
                       -0.131174642,
                       0.01482556792,
                       -0.09131911889,
                       0.004838082843,
                       0.01444097089,
                       0.07204006516,
                       0,
                       0,
                       0,
                       0,
                       0.03432618831,
                       0.005239053984,
                       0.05914524076,
                       -0.09871048306,
                       0.02606686456,
                       -0.1415223304,
                       0.1193145055,
                       -0.003859039704});
}

TEST(CrossEntropy, PositionsOfAnImage) {
  const Tensor logits = Tensor::of<double>(
      {2, 3, 2, 2}, {-0.35, -0.77, -0.7, -1.91, -0.38, 0.91, -0.42, -1.19, 0.29,  0.08,  0.09,  0.18,
                     -0.53, 1.45,  0.15, 2.17,  -0.45, 0.91, 0.11,  0.37,  -0.55, -0.17, -0.03, 3.12});
  const Tensor labels = Tensor::of<std::int64_t>({2, 2, 2}, {0, 2, 1, 1, 2, -100, 0, 1});
  const auto out = run({.smoothing = 0.2}, {logits, labels, Tensor::of<double>({3}, {0.5, 1, 2})});
  EXPECT_NEAR(out[0].item(), 1.43933416197, 1e-10);
  expect_near(out[1], {-0.03369390401, 0.02215858633,
                       0.02436882829,  0.007428864986,
                       0.01153436775,  0.1329162851,
                       -0.07057716924, -0.08451108801,
                       0.02215953626,  -0.1550748714,
                       0.04620834095,  0.07708222303,
                       0.0706391872,   0,
                       -0.02585301225, 0.03026851657,
                       0.07270288075,  0,
                       0.01887012681,  -0.1026412358,
                       -0.1433420679,  0,
                       0.006982885441, 0.07237271926});
}

TEST(CrossEntropy, LargeLogitsStayFinite) {
  const auto out = run({}, {Tensor::of<float>({1, 3}, {3e4f, 0, -std::numeric_limits<float>::infinity()}),
                            Tensor::of<std::int64_t>({1}, {1})});
  EXPECT_FLOAT_EQ(static_cast<float>(out[0].item()), 3e4f);
  EXPECT_EQ(out[1].at({0, 0}), 1);
  EXPECT_EQ(out[1].at({0, 1}), -1);
  EXPECT_EQ(out[1].at({0, 2}), 0);
}

TEST(CrossEntropy, LabelOutOfRangeMakesTheLossNaN) {
  for (const std::int64_t label :
       {std::int64_t{4}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::max(),
        std::numeric_limits<std::int64_t>::min()}) {
    const auto rows = run({}, {kLogits, Tensor::of<std::int64_t>({5}, {2, 0, label, 3, 1})});
    EXPECT_TRUE(std::isnan(rows[0].item())) << label;
    const auto columns =
        run({}, {Tensor::zeros(DType::float32, {1, 4, 2}), Tensor::of<std::int64_t>({1, 2}, {0, label})});
    EXPECT_TRUE(std::isnan(columns[0].item())) << label;
  }
}

TEST(CrossEntropy, EveryLabelIgnoredIsNaNAsInPyTorch) {
  const auto out = run({.ignored_label = 3}, {kLogits, Tensor::of<std::int64_t>({5}, {3, 3, 3, 3, 3})});
  EXPECT_TRUE(std::isnan(out[0].item()));
  for (const double gradient : out[1].as<double>()) EXPECT_EQ(gradient, 0);
}

TEST(CrossEntropy, RefusesWrongTypes) {
  Graph graph;
  const Value logits = graph.input("x", {DType::float32, {8, 10}});
  const Value wrong = graph.input("y", {DType::int64, {8, 1}});
  EXPECT_THROW(graph.add(CrossEntropy(), {logits, wrong}), UserError);
  EXPECT_THROW(graph.add(CrossEntropy(), {logits, logits}), UserError);
}

TEST(CrossEntropyLoss, FindsTheBadTarget) {
  const auto loss = Registry<Loss>::make("cross_entropy");
  const ValueType output(DType::float32, {2, 4, 3});
  EXPECT_EQ(loss->target_type(output), ValueType(DType::int64, {2, 3}));
  EXPECT_FALSE(loss->find_bad_target(Tensor::of<std::int64_t>({2, 3}, {0, 1, 2, 3, -100, 0}), output));
  const auto bad = loss->find_bad_target(Tensor::of<std::int64_t>({2, 3}, {0, 1, 2, 3, 4, 0}), output);
  ASSERT_TRUE(bad);
  EXPECT_EQ(bad->sample, 1);
  EXPECT_EQ(bad->what, "label 4, expected 0 to 3");
}

}  // namespace
}  // namespace slipway
