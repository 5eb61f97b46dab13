#include <gtest/gtest.h>

#include <limits>

#include "kernels/flat.h"
#include "kernels/optimizer.h"
#include "tests/support/kernel_agreement.h"

namespace slipway::test {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(CudaFlat, ClipFactor) {
  for (const std::int64_t count : {0, 1, 31, 33, 1024, 300007}) {
    for (const double loss : {1.0, kNan}) {
      expect_agreement(
          {reads(random_values(count, 1)), reads({loss}).as(DType::float32), writes(1).as(DType::float32),
           writes(1).as(DType::float32), scratch(ClipFactorArgs::kParts, DType::float64)},
          [&](const Stream& stream, DType dtype, const KernelPointers& p) {
            clip_factor_kernel(stream, {.dtype = dtype,
                                        .x = p[0],
                                        .count = count,
                                        .scale = 0.25,
                                        .max_norm = 2,
                                        .loss = p.as<float>(1),
                                        .norm = p.as<float>(2),
                                        .factor = p.as<float>(3),
                                        .partial = p.as<double>(4)});
          });
    }
  }
}

TEST(CudaFlat, ClipFactorOfInfiniteGradientIsNan) {
  std::vector<double> x = random_values(1000, 1);
  x[999] = std::numeric_limits<double>::infinity();
  expect_agreement({reads(x), writes(1).as(DType::float32), writes(1).as(DType::float32),
                    scratch(ClipFactorArgs::kParts, DType::float64)},
                   [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                     clip_factor_kernel(stream, {.dtype = dtype,
                                                 .x = p[0],
                                                 .count = 1000,
                                                 .scale = 1,
                                                 .max_norm = 2,
                                                 .loss = nullptr,
                                                 .norm = p.as<float>(1),
                                                 .factor = p.as<float>(2),
                                                 .partial = p.as<double>(3)});
                   });
}

TEST(CudaFlat, ClipFactorWithoutLossScale) {
  expect_agreement(
      {reads(random_values(1000, 1)), reads({4096}).as(DType::float32), writes(1).as(DType::float32),
       writes(1).as(DType::float32), scratch(ClipFactorArgs::kParts, DType::float64)},
      [&](const Stream& stream, DType dtype, const KernelPointers& p) {
        clip_factor_kernel(stream, {.dtype = dtype,
                                    .x = p[0],
                                    .count = 1000,
                                    .scale = 1,
                                    .max_norm = 0.001,
                                    .loss_scale = p.as<float>(1),
                                    .norm = p.as<float>(2),
                                    .factor = p.as<float>(3),
                                    .partial = p.as<double>(4)});
      });
}

TEST(CudaFlat, Accumulate) {
  for (const std::int64_t count : kAwkwardCounts) {
    expect_agreement({updates(random_values(count, 1)), reads(random_values(count, 2))},
                     [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                       accumulate_kernel(stream, {.dtype = dtype, .sum = p[0], .x = p[1], .count = count});
                     },
                     {.epsilons = 1});
  }
}

TEST(CudaFlat, MovingAverage) {
  for (const double step : {0.0, 3.0}) {
    for (const double scale : {1.0, kNan}) {
      constexpr std::int64_t kCount = 1031;
      expect_agreement({updates(random_values(kCount, 1)), reads(random_values(kCount, 2)),
                        reads({step}).as(DType::int64), reads({scale}).as(DType::float32)},
                       [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                         moving_average_kernel(stream, {.dtype = dtype,
                                                        .average = p[0],
                                                        .x = p[1],
                                                        .step = p.as<std::int64_t>(2),
                                                        .gradient_scale = p.as<float>(3),
                                                        .count = kCount,
                                                        .decay = 0.9});
                       },
                       {.magnitude = 1});
    }
  }
}

/// Segments with gaps, odd borders and settings of their own, and more of them than one launch takes.
std::vector<Segment> segments() {
  std::vector<Segment> all = {{1, 6, 0, 1}, {6, 7, 0.1, 1}, {9, 100, 0.1, 0.5}, {104, 2000, 0.01, 2}};
  for (std::int64_t i = 0; i < 150; ++i) all.push_back({2000 + 11 * i, 2010 + 11 * i, 0.001 * double(i), 1});
  return all;
}
constexpr std::int64_t kCount = 4000;

struct Setting {
  double step, gradient_scale;
};
constexpr Setting kSettings[] = {{0, 1}, {0, 0.5}, {41, 0.5}, {5, kNan}};

std::vector<KernelArray> arrays(const Setting& setting) {
  return {updates(random_values(kCount, 1)),
          reads(random_values(kCount, 2)),
          reads({0.01}).as(DType::float32),
          reads({setting.step}).as(DType::int64),
          reads({setting.gradient_scale}).as(DType::float32),
          updates(random_values(kCount, 3, 0.1, 1)),
          updates(random_values(kCount, 4, 0.1, 1)),
          updates(random_values(kCount, 5, 0.1, 1))};
}

UpdateArgs update_args(DType dtype, const KernelPointers& p, const std::vector<Segment>& segments) {
  return {.dtype = dtype,
          .parameters = p[0],
          .gradients = p[1],
          .segments = segments,
          .learning_rate = p.as<float>(2),
          .step = p.as<std::int64_t>(3),
          .gradient_scale = p.as<float>(4)};
}

TEST(CudaUpdate, Sgd) {
  const std::vector<Segment> all = segments();
  for (const Setting& setting : kSettings) {
    for (const bool momentum : {false, true}) {
      for (const bool nesterov : {false, true}) {
        expect_agreement(arrays(setting),
                         [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                           sgd_kernel(stream, {.update = update_args(dtype, p, all),
                                               .momentum_buffer = momentum ? p[5] : nullptr,
                                               .momentum = 0.9,
                                               .dampening = 0.1,
                                               .nesterov = nesterov});
                         },
                         {.magnitude = 1});
      }
    }
  }
}

TEST(CudaUpdate, Adam) {
  const std::vector<Segment> all = segments();
  for (const Setting& setting : kSettings) {
    for (const bool amsgrad : {false, true}) {
      for (const bool decoupled : {false, true}) {
        expect_agreement(arrays(setting),
                         [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                           adam_kernel(stream, {.update = update_args(dtype, p, all),
                                                .first_moment = p[5],
                                                .second_moment = p[6],
                                                .largest_second_moment = amsgrad ? p[7] : nullptr,
                                                .beta1 = 0.9,
                                                .beta2 = 0.999,
                                                .epsilon = 1e-8,
                                                .decoupled_decay = decoupled});
                         },
                         {.magnitude = 1});
      }
    }
  }
}

TEST(CudaUpdate, NothingToUpdate) {
  expect_agreement(arrays(kSettings[0]), [&](const Stream& stream, DType dtype, const KernelPointers& p) {
    sgd_kernel(stream, {.update = update_args(dtype, p, {}), .momentum_buffer = p[5], .momentum = 0.9});
  });
}

}  // namespace
}  // namespace slipway::test
