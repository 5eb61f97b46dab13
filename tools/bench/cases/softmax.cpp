#include "kernels/softmax.h"
#include "kernels/cross_entropy.h"
#include "tools/bench/kernel_case.h"

namespace slipway {
namespace {

/// x [outer, axis, inner]; the outermost axis grows with the device.
struct Sizes {
  std::int64_t outer, axis, inner;

  std::string describe() const {
    return inner == 1 ? text("rows of ", axis) : text("axis of ", axis, ", ", inner, " inside");
  }
  Sizes of(const CaseArrays& arrays) const { return {outer * arrays.size(1, 256), axis, inner}; }
  std::int64_t elements() const { return outer * axis * inner; }
};

std::vector<KernelCase> forward_cases(const Sizes& sizes) {
  const auto prepare = [=](CaseArrays& arrays, DType dtype) {
    const Sizes x = sizes.of(arrays);
    return [&arrays, args = SoftmaxArgs{.dtype = dtype,
                                        .kind = SoftmaxKind::softmax,
                                        .x = arrays.in(dtype, x.elements()),
                                        .y = arrays.out(dtype, x.elements()),
                                        .outer = x.outer,
                                        .axis = x.axis,
                                        .inner = x.inner}] { softmax_forward(arrays.stream(), args); };
  };
  return in_both_types("softmax_forward", sizes.describe(), prepare);
}

std::vector<KernelCase> backward_cases(const Sizes& sizes) {
  const auto prepare = [=](CaseArrays& arrays, DType dtype) {
    const Sizes x = sizes.of(arrays);
    return
        [&arrays, args = SoftmaxGradientArgs{.dtype = dtype,
                                             .kind = SoftmaxKind::softmax,
                                             .dy = arrays.in(dtype, x.elements()),
                                             .y = arrays.in(dtype, x.elements()),
                                             .dx = arrays.out(dtype, x.elements()),
                                             .outer = x.outer,
                                             .axis = x.axis,
                                             .inner = x.inner}] { softmax_backward(arrays.stream(), args); };
  };
  return in_both_types("softmax_backward", sizes.describe(), prepare);
}

std::vector<KernelCase> cross_entropy_cases(const Sizes& sizes) {
  const auto prepare = [=](CaseArrays& arrays, DType dtype) {
    const Sizes x = sizes.of(arrays);
    return [&arrays, args = CrossEntropyArgs{.dtype = dtype,
                                             .x = arrays.in(dtype, x.elements()),
                                             .labels = static_cast<const std::int64_t*>(
                                                 arrays.indices(DType::int64, x.outer * x.inner, x.axis)),
                                             .weights = nullptr,
                                             .loss = arrays.out(dtype, 1),
                                             .dx = arrays.out(dtype, x.elements()),
                                             .outer = x.outer,
                                             .classes = x.axis,
                                             .inner = x.inner,
                                             .ignored_label = -100,
                                             .smoothing = 0,
                                             .partial = static_cast<double*>(arrays.scratch(
                                                 DType::float64, 2 * CrossEntropyArgs::kParts))}] {
      cross_entropy_kernel(arrays.stream(), args);
    };
  };
  return in_both_types("cross_entropy", sizes.describe(), prepare);
}

/// What divides the losses of a batch whose positions are shared out; without weights, types don't matter.
KernelCase label_weight_case() {
  return {"label_weight", "", [](CaseArrays& arrays) {
            constexpr std::int64_t kClasses = 128;
            const std::int64_t positions = arrays.size(1 << 18, 1 << 26);
            return
                [&arrays, args = LabelWeightArgs{.dtype = DType::float32,
                                                 .labels = static_cast<const std::int64_t*>(
                                                     arrays.indices(DType::int64, positions, kClasses)),
                                                 .weights = nullptr,
                                                 .sum = static_cast<double*>(arrays.out(DType::float64, 1)),
                                                 .positions = positions,
                                                 .classes = kClasses,
                                                 .ignored_label = -100,
                                                 .partial = static_cast<double*>(arrays.scratch(
                                                     DType::float64, CrossEntropyArgs::kParts))}] {
                  label_weight_kernel(arrays.stream(), args);
                };
          }};
}

constexpr Sizes kRows{.outer = 256, .axis = 1024, .inner = 1};
constexpr Sizes kLongRows{.outer = 4, .axis = 50304, .inner = 1};
constexpr Sizes kPlanes{.outer = 4, .axis = 16, .inner = 4096};

const KernelCases registered({forward_cases(kRows),
                              forward_cases(kLongRows),
                              forward_cases(kPlanes),
                              backward_cases(kRows),
                              backward_cases(kPlanes),
                              cross_entropy_cases(kRows),
                              cross_entropy_cases(kLongRows),
                              cross_entropy_cases(kPlanes),
                              {label_weight_case()}});

}  // namespace
}  // namespace slipway
