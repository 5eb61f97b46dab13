#include "kernels/conv2d.h"
#include "tools/bench/kernel_case.h"

namespace slipway {
namespace {

/// Square windows with padding over square images.
struct Convolution {
  std::int64_t batch, in, out, groups, kernel = 3, edge = 16;

  std::string describe() const {
    if (groups == 1) return text(in, " channels to ", out);
    return text("depthwise, ", in, " channels", kernel == 3 ? "" : text(", windows of ", kernel));
  }
  Conv2dProblem problem(CaseArrays& arrays, DType dtype) const {
    constexpr std::int64_t kManyTaps = 81;  // from so many on, arithmetic limits
    const std::int64_t images = batch * arrays.size(1, 128);
    const Conv2dProblem problem{
        .x = {dtype, Shape{images, in, edge, edge}},
        .weight = {dtype, Shape{out, in / groups, kernel, kernel}},
        .y = {dtype, Shape{images, out, edge, edge}},
        .window = {.padding_begin = {kernel / 2, kernel / 2}, .padding_end = {kernel / 2, kernel / 2}},
        .groups = groups,
        .has_bias = true};
    const std::int64_t taps = in / groups * kernel * kernel;  // of an output
    if (taps >= kManyTaps) arrays.set_operations(2.0 * static_cast<double>(problem.y.elements() * taps));
    return problem;
  }
};

/// Depthwise kernels don't round.
template <class Prepare>
std::vector<KernelCase> in_precisions(const std::string& slot, const Convolution& convolution,
                                      const Prepare& prepare) {
  if (convolution.groups > 1) return in_both_types(slot, convolution.describe(), prepare);
  return in_all_precisions(slot, convolution.describe(), prepare);
}

std::vector<KernelCase> forward_cases(const Convolution& convolution) {
  const auto prepare = [=](CaseArrays& arrays, DType dtype) {
    const Conv2dProblem problem = convolution.problem(arrays, dtype);
    const std::shared_ptr kernel = conv2d_forward(arrays.stream(), problem);
    return [&arrays, kernel,
            args = Conv2dArgs{.x = arrays.in(dtype, problem.x.elements()),
                              .weight = arrays.in(dtype, problem.weight.elements()),
                              .bias = arrays.in(dtype, convolution.out),
                              .residual = nullptr,
                              .y = arrays.out(dtype, problem.y.elements()),
                              .scratch = arrays.scratch_bytes(kernel->scratch_bytes())}] {
      kernel->run(arrays.stream(), args);
    };
  };
  return in_precisions("conv2d_forward", convolution, prepare);
}

std::vector<KernelCase> backward_data_cases(const Convolution& convolution) {
  const auto prepare = [=](CaseArrays& arrays, DType dtype) {
    const Conv2dProblem problem = convolution.problem(arrays, dtype);
    const std::shared_ptr kernel = conv2d_backward_data(arrays.stream(), problem);
    return [&arrays, kernel,
            args = Conv2dBackwardDataArgs{.dy = arrays.in(dtype, problem.y.elements()),
                                          .weight = arrays.in(dtype, problem.weight.elements()),
                                          .dx = arrays.out(dtype, problem.x.elements()),
                                          .scratch = arrays.scratch_bytes(kernel->scratch_bytes())}] {
      kernel->run(arrays.stream(), args);
    };
  };
  return in_precisions("conv2d_backward_data", convolution, prepare);
}

std::vector<KernelCase> backward_weights_cases(const Convolution& convolution) {
  const auto prepare = [=](CaseArrays& arrays, DType dtype) {
    const Conv2dProblem problem = convolution.problem(arrays, dtype);
    const std::shared_ptr kernel = conv2d_backward_weights(arrays.stream(), problem);
    return [&arrays, kernel,
            args = Conv2dBackwardWeightsArgs{.x = arrays.in(dtype, problem.x.elements()),
                                             .dy = arrays.in(dtype, problem.y.elements()),
                                             .dweight = arrays.out(dtype, problem.weight.elements()),
                                             .dbias = arrays.out(dtype, convolution.out),
                                             .scratch = arrays.scratch_bytes(kernel->scratch_bytes())}] {
      kernel->run(arrays.stream(), args);
    };
  };
  return in_precisions("conv2d_backward_weights", convolution, prepare);
}

constexpr Convolution kDense{.batch = 4, .in = 32, .out = 64, .groups = 1};
constexpr Convolution kDepthwise{.batch = 8, .in = 64, .out = 64, .groups = 64};
constexpr Convolution kWide{.batch = 8, .in = 64, .out = 64, .groups = 64, .kernel = 7, .edge = 32};
constexpr Convolution kVeryWide{.batch = 8, .in = 64, .out = 64, .groups = 64, .kernel = 9};

const KernelCases registered({forward_cases(kDense), forward_cases(kDepthwise), forward_cases(kWide),
                              forward_cases(kVeryWide), backward_data_cases(kDense),
                              backward_data_cases(kDepthwise), backward_data_cases(kWide),
                              backward_data_cases(kVeryWide), backward_weights_cases(kDense),
                              backward_weights_cases(kDepthwise), backward_weights_cases(kWide),
                              backward_weights_cases(kVeryWide)});

}  // namespace
}  // namespace slipway
