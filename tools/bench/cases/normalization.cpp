#include "kernels/batch_norm.h"
#include "kernels/layer_norm.h"
#include "tools/bench/kernel_case.h"

namespace slipway {
namespace {

std::vector<KernelCase> layer_norm_cases(std::int64_t width) {
  return in_both_types("layer_norm_forward", text("rows of ", width), [=](CaseArrays& arrays, DType dtype) {
    const std::int64_t rows = arrays.size(256, 1 << 16);
    const DType sums = accumulator_of(dtype);
    return [&arrays, args = LayerNormArgs{.dtype = dtype,
                                          .x = arrays.in(dtype, rows * width),
                                          .scale = arrays.in(sums, width),
                                          .shift = arrays.in(sums, width),
                                          .y = arrays.out(dtype, rows * width),
                                          .mean = arrays.out(sums, rows),
                                          .rstd = arrays.out(sums, rows),
                                          .rows = rows,
                                          .width = width,
                                          .epsilon = 1e-5}] { layer_norm_forward(arrays.stream(), args); };
  });
}

std::vector<KernelCase> layer_norm_gradient_cases(std::int64_t width) {
  const auto prepare = [=](CaseArrays& arrays, DType dtype) {
    const std::int64_t rows = arrays.size(2048, 1 << 16);
    const DType sums = accumulator_of(dtype);
    return [&arrays, args = LayerNormGradientArgs{
                         .dtype = dtype,
                         .dy = arrays.in(dtype, rows * width),
                         .x = arrays.in(dtype, rows * width),
                         .mean = arrays.in(sums, rows),
                         .rstd = arrays.in(sums, rows),
                         .scale = arrays.in(sums, width),
                         .dx = arrays.out(dtype, rows * width),
                         .dscale = arrays.out(sums, width),
                         .dshift = arrays.out(sums, width),
                         .rows = rows,
                         .width = width,
                         .partial = arrays.scratch(sums, LayerNormGradientArgs::chunks(rows) * 2 * width)}] {
      layer_norm_backward(arrays.stream(), args);
    };
  };
  return in_both_types("layer_norm_backward", text("rows of ", width), prepare);
}

/// Images [batch, channels, pixels], or rows [batch, channels].
struct Images {
  std::int64_t batch, channels, pixels;

  std::string describe() const {
    return pixels == 1 ? text(channels, " columns") : text(channels, " planes of ", pixels);
  }
  ValueType type(const CaseArrays& arrays, DType dtype) const {
    const std::int64_t images = batch * arrays.size(1, 64);
    return pixels == 1 ? ValueType(dtype, Shape{images, channels})
                       : ValueType(dtype, Shape{images, channels, pixels});
  }
};

std::vector<KernelCase> batch_norm_cases(const Images& images) {
  const auto prepare = [=](CaseArrays& arrays, DType dtype) {
    const ValueType x = images.type(arrays, dtype);
    const DType sums = accumulator_of(dtype);
    return [&arrays, args = BatchNormTrainingArgs{
                         .x_type = x,
                         .x = arrays.in(dtype, x.elements()),
                         .scale = arrays.in(sums, images.channels),
                         .shift = arrays.in(sums, images.channels),
                         .residual = nullptr,
                         .y = arrays.out(dtype, x.elements()),
                         .mean = arrays.out(sums, images.channels),
                         .rstd = arrays.out(sums, images.channels),
                         .running_mean = arrays.in_out(sums, images.channels),
                         .running_variance = arrays.in_out(sums, images.channels),
                         .epsilon = 1e-5,
                         .momentum = 0.1,
                         .activation = Activation::relu,
                         .scratch = arrays.scratch_bytes(batch_norm_scratch_bytes(arrays.stream(), x))}] {
      batch_norm_training(arrays.stream(), args);
    };
  };
  return in_both_types("batch_norm_training", images.describe(), prepare);
}

std::vector<KernelCase> batch_norm_inference_cases(const Images& images) {
  return in_both_types("batch_norm_inference", images.describe(), [=](CaseArrays& arrays, DType dtype) {
    const ValueType x = images.type(arrays, dtype);
    const DType sums = accumulator_of(dtype);
    return [&arrays, args = BatchNormInferenceArgs{.x_type = x,
                                                   .x = arrays.in(dtype, x.elements()),
                                                   .scale = arrays.in(sums, images.channels),
                                                   .shift = arrays.in(sums, images.channels),
                                                   .mean = arrays.in(sums, images.channels),
                                                   .variance = arrays.in_out(sums, images.channels),
                                                   .residual = arrays.in(dtype, x.elements()),
                                                   .y = arrays.out(dtype, x.elements()),
                                                   .epsilon = 1e-5,
                                                   .activation = Activation::relu}] {
      batch_norm_inference(arrays.stream(), args);
    };
  });
}

std::vector<KernelCase> batch_norm_gradient_cases(const Images& images) {
  const auto prepare = [=](CaseArrays& arrays, DType dtype) {
    const ValueType x = images.type(arrays, dtype);
    const DType sums = accumulator_of(dtype);
    return [&arrays, args = BatchNormGradientArgs{
                         .x_type = x,
                         .dy = arrays.in(dtype, x.elements()),
                         .y = arrays.in(dtype, x.elements()),
                         .x = arrays.in(dtype, x.elements()),
                         .scale = arrays.in(sums, images.channels),
                         .mean = arrays.in(sums, images.channels),
                         .rstd = arrays.in(sums, images.channels),
                         .variance = nullptr,
                         .dx = arrays.out(dtype, x.elements()),
                         .dscale = arrays.out(sums, images.channels),
                         .dshift = arrays.out(sums, images.channels),
                         .count = x.elements() / images.channels,
                         .epsilon = 1e-5,
                         .scratch = arrays.scratch_bytes(batch_norm_scratch_bytes(arrays.stream(), x))}] {
      batch_norm_backward(arrays.stream(), args);
    };
  };
  return in_both_types("batch_norm_backward", images.describe(), prepare);
}

/// What four ranks found of their parts of a batch.
std::vector<KernelCase> batch_norm_merge_cases(std::int64_t channels) {
  return {{"batch_norm_merge", text("float32, ", channels, " channels"), [=](CaseArrays& arrays) {
             constexpr DType kType = DType::float32;
             constexpr int kRanks = 4;
             return [&arrays, args = BatchNormMergeArgs{.dtype = kType,
                                                        .moments = arrays.in(kType, kRanks * 2 * channels),
                                                        .ranks = kRanks,
                                                        .channels = channels,
                                                        .samples = 64,
                                                        .pixels = 1024,
                                                        .mean = arrays.out(kType, channels),
                                                        .variance = arrays.out(kType, channels),
                                                        .running_mean = arrays.in_out(kType, channels),
                                                        .running_variance = arrays.in_out(kType, channels),
                                                        .momentum = 0.1}] {
               batch_norm_merge(arrays.stream(), args);
             };
           }}};
}

constexpr Images kPlanes{.batch = 16, .channels = 16, .pixels = 1024};
constexpr Images kColumns{.batch = 256, .channels = 1024, .pixels = 1};

const KernelCases registered({layer_norm_cases(768), layer_norm_gradient_cases(768),
                              batch_norm_cases(kPlanes), batch_norm_cases(kColumns),
                              batch_norm_inference_cases(kPlanes), batch_norm_gradient_cases(kPlanes),
                              batch_norm_gradient_cases(kColumns), batch_norm_merge_cases(1024)});

}  // namespace
}  // namespace slipway
