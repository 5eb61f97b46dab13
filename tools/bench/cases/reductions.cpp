#include "kernels/reduce.h"
#include "tools/bench/kernel_case.h"

namespace slipway {
namespace {

/// x [outer, count, inner]; the outermost axis grows with the device.
struct Sizes {
  std::int64_t outer, count, inner;

  std::string describe() const { return text("axis of ", count, ", ", inner, " inside"); }
  Sizes of(const CaseArrays& arrays) const { return {outer * arrays.size(1, 256), count, inner}; }
};

std::vector<KernelCase> sum_cases(const Sizes& sizes) {
  return in_both_types("reduce", "sum, " + sizes.describe(), [=](CaseArrays& arrays, DType dtype) {
    const auto [outer, count, inner] = sizes.of(arrays);
    return [&arrays, args = ReduceArgs{.function = ReduceKernel::sum,
                                       .x_dtype = dtype,
                                       .y_dtype = dtype,
                                       .x = arrays.in(dtype, outer * count * inner),
                                       .y = arrays.out(dtype, outer * inner),
                                       .outer = outer,
                                       .count = count,
                                       .inner = inner,
                                       .chunk = count}] { reduce(arrays.stream(), args); };
  });
}

std::vector<KernelCase> arg_max_cases(const Sizes& sizes) {
  return in_both_types("arg_max", sizes.describe(), [=](CaseArrays& arrays, DType dtype) {
    const auto [outer, count, inner] = sizes.of(arrays);
    return
        [&arrays, args = ArgMaxArgs{.dtype = dtype,
                                    .x = arrays.in(dtype, outer * count * inner),
                                    .y = static_cast<std::int64_t*>(arrays.out(DType::int64, outer * inner)),
                                    .outer = outer,
                                    .count = count,
                                    .inner = inner}] { arg_max(arrays.stream(), args); };
  });
}

const KernelCases registered({sum_cases({.outer = 256, .count = 1024, .inner = 1}),
                              sum_cases({.outer = 256, .count = 16, .inner = 64}),
                              sum_cases({.outer = 16, .count = 1024, .inner = 16}),
                              sum_cases({.outer = 4, .count = 128, .inner = 512}),
                              arg_max_cases({.outer = 256, .count = 1024, .inner = 1}),
                              arg_max_cases({.outer = 16, .count = 16, .inner = 1024})});

}  // namespace
}  // namespace slipway
