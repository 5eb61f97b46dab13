#include "kernels/flat.h"
#include "kernels/loss_scale.h"
#include "kernels/optimizer.h"
#include "tools/bench/kernel_case.h"

namespace slipway {
namespace {

std::int64_t elements(const CaseArrays& arrays) { return arrays.size(1 << 18, 1 << 26); }

/// Layers whose weights decay and whose biases don't, over all of the elements.
std::vector<Segment> segments(std::int64_t count) {
  constexpr std::int64_t kLayers = 8;
  constexpr std::int64_t kBias = 1024;
  std::vector<Segment> result;
  for (std::int64_t layer = 0; layer < kLayers; ++layer) {
    const std::int64_t begin = count / kLayers * layer, end = count / kLayers * (layer + 1);
    result.push_back({.begin = begin, .end = end - kBias, .weight_decay = 0.1});
    result.push_back({.begin = end - kBias, .end = end});
  }
  return result;
}

UpdateArgs update_args(CaseArrays& arrays, DType dtype) {
  const std::int64_t count = elements(arrays);
  return {.dtype = dtype,
          .parameters = arrays.in_out(dtype, count),
          .gradients = arrays.in(dtype, count),
          .segments = {},
          .learning_rate = arrays.number(1e-3f),
          .step = arrays.number<std::int64_t>(3),
          .gradient_scale = arrays.number(1.0f)};
}

auto run_sgd(CaseArrays& arrays, DType dtype) {
  const std::int64_t count = elements(arrays);
  SgdArgs args{.update = update_args(arrays, dtype),
               .momentum_buffer = arrays.in_out(dtype, count),
               .momentum = 0.9,
               .dampening = 0,
               .nesterov = false};
  return [&arrays, args, parts = segments(count)]() mutable {
    args.update.segments = parts;
    sgd_kernel(arrays.stream(), args);
  };
}

auto run_adam(CaseArrays& arrays, DType dtype) {
  const std::int64_t count = elements(arrays);
  AdamArgs args{.update = update_args(arrays, dtype),
                .first_moment = arrays.in_out(dtype, count),
                .second_moment = arrays.in_out(dtype, count),
                .largest_second_moment = nullptr,
                .beta1 = 0.9,
                .beta2 = 0.999,
                .epsilon = 1e-8,
                .decoupled_decay = true};
  return [&arrays, args, parts = segments(count)]() mutable {
    args.update.segments = parts;
    adam_kernel(arrays.stream(), args);
  };
}

auto run_clip_factor(CaseArrays& arrays, DType dtype) {
  const std::int64_t count = elements(arrays);
  return [&arrays, args = ClipFactorArgs{.dtype = dtype,
                                         .x = arrays.in(dtype, count),
                                         .count = count,
                                         .scale = 1,
                                         .max_norm = 1,
                                         .loss = arrays.number(1.0f),
                                         .loss_scale = nullptr,
                                         .norm = static_cast<float*>(arrays.out(DType::float32, 1)),
                                         .factor = static_cast<float*>(arrays.out(DType::float32, 1)),
                                         .partial = static_cast<double*>(
                                             arrays.scratch(DType::float64, ClipFactorArgs::kParts))}] {
    clip_factor_kernel(arrays.stream(), args);
  };
}

KernelCase loss_scale_case() {
  return {"loss_scale", "", [](CaseArrays& arrays) {
            return [&arrays, args = LossScaleArgs{.gradient_scale = arrays.number(1.0f),
                                                  .scale = arrays.number(65536.0f),
                                                  .good_steps = arrays.number<std::int64_t>(3),
                                                  .skipped_steps = arrays.number<std::int64_t>(0),
                                                  .growth = 2,
                                                  .backoff = 0.5,
                                                  .interval = 2000}] {
              loss_scale_kernel(arrays.stream(), args);
            };
          }};
}

const KernelCases registered({in_both_types("sgd", "momentum, 16 segments", run_sgd),
                              in_both_types("adam", "AdamW, 16 segments", run_adam),
                              in_both_types("clip_factor", "", run_clip_factor),
                              {loss_scale_case()}});

}  // namespace
}  // namespace slipway
