#include <gtest/gtest.h>

#include <cmath>

#include "kernels/batch_norm.h"
#include "kernels/layer_norm.h"
#include "tests/support/kernel_agreement.h"

namespace slipway::test {
namespace {

struct Rows {
  std::int64_t rows, width;
  std::int64_t elements() const { return rows * width; }
};
/// Rows of one warp and of several, whole packs or not, the longest that are kept and longer; one chunk and
/// many.
constexpr Rows kRows[] = {{0, 8},    {1, 1},    {5, 31},   {17, 64},  {5, 36},    {100, 33}, {64, 768},
                          {9, 1031}, {3, 4099}, {1, 8192}, {1, 8196}, {2, 20000}, {2100, 16}};

TEST(CudaLayerNorm, Forward) {
  for (const Rows& r : kRows) {
    for (const bool affine : {false, true}) {
      SCOPED_TRACE(text(r.rows, " x ", r.width, affine ? " affine" : ""));
      expect_agreement(
          {updates(random_values(r.elements(), 1, 9, 11)), reads(random_values(r.width, 2)).as_accumulator(),
           reads(random_values(r.width, 3)).as_accumulator(), writes(r.rows).as_accumulator(),
           writes(r.rows).as_accumulator()},
          [&](const Stream& stream, DType dtype, const KernelPointers& p) {
            layer_norm_forward(stream, {.dtype = dtype,
                                        .x = p[0],
                                        .scale = affine ? p[1] : nullptr,
                                        .shift = affine ? p[2] : nullptr,
                                        .y = p[0],
                                        .mean = p[3],
                                        .rstd = p[4],
                                        .rows = r.rows,
                                        .width = r.width,
                                        .epsilon = 1e-5});
          },
          {.epsilons = 512, .magnitude = 1});
    }
  }
}

/// Values in eighths, below 16: their sums are exact in every type.
std::vector<double> in_eighths(std::vector<double> values) {
  for (double& value : values) value = std::round(value * 8) / 8;
  return values;
}

TEST(CudaLayerNorm, ForwardWithResidual) {
  for (const Rows& r : kRows) {
    for (const bool kept : {false, true}) {
      SCOPED_TRACE(text(r.rows, " x ", r.width, kept ? " kept" : ""));
      expect_agreement({updates(in_eighths(random_values(r.elements(), 1, 9, 11))),
                        updates(in_eighths(random_values(r.elements(), 2, -2, 2))),
                        reads(random_values(r.width, 3)).as_accumulator(),
                        reads(random_values(r.width, 4)).as_accumulator(), writes(r.rows).as_accumulator(),
                        writes(r.rows).as_accumulator()},
                       [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                         layer_norm_forward(stream, {.dtype = dtype,
                                                     .x = p[0],
                                                     .scale = p[2],
                                                     .shift = p[3],
                                                     .y = p[0],
                                                     .mean = p[4],
                                                     .rstd = p[5],
                                                     .rows = r.rows,
                                                     .width = r.width,
                                                     .epsilon = 1e-5,
                                                     .residual = p[1],
                                                     .sum = kept ? p[1] : nullptr});
                       },
                       {.epsilons = 512, .magnitude = 1});
    }
  }
}

TEST(CudaLayerNorm, Backward) {
  for (const Rows& r : kRows) {
    for (const bool affine : {false, true}) {
      const bool meets = affine == (r.rows % 2 == 0);  // another gradient
      SCOPED_TRACE(text(r.rows, " x ", r.width, affine ? " affine" : "", meets ? " and another" : ""));
      expect_agreement({updates(random_values(r.elements(), 1)), reads(random_values(r.elements(), 2)),
                        reads(random_values(r.rows, 3, -0.1, 0.1)).as_accumulator(),
                        reads(random_values(r.rows, 4, 0.5, 1)).as_accumulator(),
                        reads(random_values(r.width, 5)).as_accumulator(), writes(r.width).as_accumulator(),
                        writes(r.width).as_accumulator(),
                        scratch(LayerNormGradientArgs::chunks(r.rows) * 2 * r.width, DType::float64),
                        reads(random_values(r.elements(), 6))},
                       [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                         layer_norm_backward(stream, {.dtype = dtype,
                                                      .dy = p[0],
                                                      .x = p[1],
                                                      .mean = p[2],
                                                      .rstd = p[3],
                                                      .scale = affine ? p[4] : nullptr,
                                                      .dx = p[0],
                                                      .dscale = p[5],
                                                      .dshift = p[6],
                                                      .rows = r.rows,
                                                      .width = r.width,
                                                      .dx_too = meets ? p[8] : nullptr,
                                                      .partial = p[7]});
                       },
                       {.epsilons = 64, .magnitude = 4});
    }
  }
}

/// Planes that are worth a warp, narrow ones, single values; of whole packs or not; one part of the batch and
/// many.
const Shape kShapes[] = {{2, 1, 1, 1}, {5, 3, 4, 4},   {33, 70}, {3, 4, 8, 8},
                         {9, 5, 7, 7}, {300, 3, 6, 6}, {4100, 2}};

std::int64_t pixels(const Shape& shape) { return shape.elements(2, shape.rank()); }

/// Enough on both sides: the CPU's own answer is for the same shape.
KernelArray batch_norm_scratch(const Shape& shape) {
  const Stream cpu, gpu{.device = {DeviceKind::cuda, 0}};
  const ValueType type(DType::float64, shape);
  const std::size_t bytes =
      std::max(batch_norm_scratch_bytes(cpu, type), batch_norm_scratch_bytes(gpu, type));
  return scratch(static_cast<std::int64_t>(bytes / sizeof(double)), DType::float64);
}

TEST(CudaBatchNorm, Training) {
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(text(shape));
    const std::int64_t count = shape.elements(), channels = shape[1];
    for (const bool residual : {false, true}) {
      for (const Activation activation : {Activation::none, Activation::relu}) {
        expect_agreement(
            {updates(random_values(count, 1, 9, 11)), reads(random_values(channels, 2)).as_accumulator(),
             reads(random_values(channels, 3)).as_accumulator(), reads(random_values(count, 4)),
             writes(channels).as_accumulator(), writes(channels).as_accumulator(),
             updates(random_values(channels, 5)).as_accumulator(),
             updates(random_values(channels, 6)).as_accumulator(), batch_norm_scratch(shape)},
            [&](const Stream& stream, DType dtype, const KernelPointers& p) {
              batch_norm_training(stream, {.x_type = {dtype, shape},
                                           .x = p[0],
                                           .scale = p[1],
                                           .shift = p[2],
                                           .residual = residual ? p[3] : nullptr,
                                           .y = p[0],
                                           .mean = p[4],
                                           .rstd = p[5],
                                           .running_mean = p[6],
                                           .running_variance = p[7],
                                           .epsilon = 1e-5,
                                           .momentum = 0.1,
                                           .activation = activation,
                                           .scratch = p.as<std::byte>(8)});
            },
            {.epsilons = 256, .magnitude = 1});
      }
    }
  }
}

TEST(CudaBatchNorm, Moments) {
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(text(shape));
    const std::int64_t count = shape.elements(), channels = shape[1];
    expect_agreement(
        {reads(random_values(count, 1, 9, 11)), writes(2 * channels).as_accumulator(),
         batch_norm_scratch(shape)},
        [&](const Stream& stream, DType dtype, const KernelPointers& p) {
          batch_norm_moments(
              stream, {.x_type = {dtype, shape}, .x = p[0], .moments = p[1], .scratch = p.as<std::byte>(2)});
        },
        {.epsilons = 256, .magnitude = 1});
  }
}

TEST(CudaBatchNorm, Merge) {
  for (const std::int64_t channels : {0, 1, 33, 300}) {
    for (const auto& [ranks, samples] : {std::pair{1, 5}, {3, 2}, {4, 31}}) {
      expect_agreement({reads(random_values(2 * ranks * channels, 1, 0, 3)).as_accumulator(),
                        writes(channels).as_accumulator(), writes(channels).as_accumulator(),
                        updates(random_values(channels, 2)).as_accumulator(),
                        updates(random_values(channels, 3)).as_accumulator()},
                       [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                         batch_norm_merge(stream, {.dtype = dtype,
                                                   .moments = p[0],
                                                   .ranks = ranks,
                                                   .channels = channels,
                                                   .samples = samples,
                                                   .pixels = 3,
                                                   .mean = p[1],
                                                   .variance = p[2],
                                                   .running_mean = p[3],
                                                   .running_variance = p[4],
                                                   .momentum = 0.1});
                       },
                       {.epsilons = 16, .magnitude = 1, .dtypes = {DType::float32, DType::float64}});
    }
  }
}

void expect_inference_agrees(bool by_rstd) {
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(text(shape));
    const std::int64_t count = shape.elements(), channels = shape[1];
    expect_agreement({reads(random_values(count, 1)), reads(random_values(channels, 2)).as_accumulator(),
                      reads(random_values(channels, 3)).as_accumulator(),
                      reads(random_values(channels, 4)).as_accumulator(),
                      reads(random_values(channels, 5, 0.5, 2)).as_accumulator(),
                      reads(random_values(count, 6)), writes(count)},
                     [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                       batch_norm_inference(stream, {.x_type = {dtype, shape},
                                                     .x = p[0],
                                                     .scale = p[1],
                                                     .shift = p[2],
                                                     .mean = p[3],
                                                     .rstd = by_rstd ? p[4] : nullptr,
                                                     .variance = by_rstd ? nullptr : p[4],
                                                     .residual = p[5],
                                                     .y = p[6],
                                                     .epsilon = 1e-5,
                                                     .activation = Activation::relu});
                     },
                     {.epsilons = 16, .magnitude = 4});
  }
}

TEST(CudaBatchNorm, Inference) {
  expect_inference_agrees(false);
  expect_inference_agrees(true);
}

TEST(CudaBatchNorm, Backward) {
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(text(shape));
    const std::int64_t count = shape.elements(), channels = shape[1];
    const double summed = static_cast<double>(shape[0] * pixels(shape));
    for (const bool relu : {false, true}) {
      for (const bool training : {false, true}) {
        expect_agreement(
            {updates(random_values(count, 1)), reads(random_values(count, 2)), reads(random_values(count, 3)),
             reads(random_values(channels, 4)).as_accumulator(),
             reads(random_values(channels, 5, -0.1, 0.1)).as_accumulator(),
             reads(random_values(channels, 6, 0.5, 2)).as_accumulator(), writes(channels).as_accumulator(),
             writes(channels).as_accumulator(), batch_norm_scratch(shape)},
            [&](const Stream& stream, DType dtype, const KernelPointers& p) {
              batch_norm_backward(stream, {.x_type = {dtype, shape},
                                           .dy = p[0],
                                           .y = relu ? p[1] : nullptr,
                                           .x = p[2],
                                           .scale = p[3],
                                           .mean = p[4],
                                           .rstd = training ? p[5] : nullptr,
                                           .variance = training ? nullptr : p[5],
                                           .dx = p[0],
                                           .dscale = p[6],
                                           .dshift = p[7],
                                           .count = training ? shape[0] * pixels(shape) : 0,
                                           .epsilon = 1e-5,
                                           .scratch = p.as<std::byte>(8)});
            },
            {.epsilons = 16, .magnitude = 4 + 2 * std::sqrt(summed)});
      }
    }
  }
}

/// The two steps of a gradient whose sums are of a larger batch.
TEST(CudaBatchNorm, BackwardInTwoSteps) {
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(text(shape));
    const std::int64_t count = shape.elements(), channels = shape[1];
    const double summed = static_cast<double>(shape[0] * pixels(shape));
    expect_agreement(
        {updates(random_values(count, 1)), reads(random_values(count, 2)),
         reads(random_values(channels, 3)).as_accumulator(),
         reads(random_values(channels, 4, -0.1, 0.1)).as_accumulator(),
         reads(random_values(channels, 5, 0.5, 2)).as_accumulator(), writes(channels).as_accumulator(),
         writes(channels).as_accumulator(), batch_norm_scratch(shape)},
        [&](const Stream& stream, DType dtype, const KernelPointers& p) {
          const BatchNormGradientArgs args{.x_type = {dtype, shape},
                                           .dy = p[0],
                                           .x = p[1],
                                           .scale = p[2],
                                           .mean = p[3],
                                           .variance = p[4],
                                           .dx = p[0],
                                           .dscale = p[5],
                                           .dshift = p[6],
                                           .count = 2 * shape[0] * pixels(shape) + 1,
                                           .epsilon = 1e-5,
                                           .scratch = p.as<std::byte>(7)};
          batch_norm_sums(stream, args);
          batch_norm_input_gradient(stream, args);
        },
        {.epsilons = 16, .magnitude = 4 + 2 * std::sqrt(summed)});
  }
}

}  // namespace
}  // namespace slipway::test
