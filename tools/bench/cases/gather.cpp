#include "kernels/gather.h"

#include <cstdint>
#include <vector>

#include "tools/bench/kernel_case.h"

namespace slipway {
namespace {

/// x [outer, count, inner] and `picked` places along its middle axis; the outermost one grows with the
/// device.
struct Sizes {
  std::int64_t outer, count, picked, inner;

  std::string describe() const { return text(picked, " of ", count, ", ", inner, " inside"); }
  Sizes of(const CaseArrays& arrays) const { return {outer * arrays.size(1, 64), count, picked, inner}; }
  std::int64_t elements() const { return outer * count * inner; }
  std::int64_t results() const { return outer * picked * inner; }
  /// The same places for all that lies inside: every third one, back to front.
  Tensor ids() const {
    std::vector<std::int64_t> ids;
    for (std::int64_t o = 0; o < outer; ++o) {
      for (std::int64_t k = picked - 1; k >= 0; --k)
        ids.insert(ids.end(), static_cast<std::size_t>(inner), k * 3 % count);
    }
    return Tensor::of(Shape{outer, picked, inner}, ids);
  }
};

std::vector<KernelCase> gather_cases(const Sizes& sizes) {
  return in_both_types("gather", sizes.describe(), [=](CaseArrays& arrays, DType dtype) {
    const Sizes s = sizes.of(arrays);
    return [&arrays, args = GatherArgs{.dtype = dtype,
                                       .ids_dtype = DType::int64,
                                       .x = arrays.in(dtype, s.elements()),
                                       .ids = arrays.given(s.ids()),
                                       .y = arrays.out(dtype, s.results()),
                                       .outer = s.outer,
                                       .count = s.count,
                                       .picked = s.picked,
                                       .inner = s.inner}] { gather_kernel(arrays.stream(), args); };
  });
}

std::vector<KernelCase> scatter_add_cases(const Sizes& sizes) {
  return in_both_types("scatter_add", sizes.describe(), [=](CaseArrays& arrays, DType dtype) {
    const Sizes s = sizes.of(arrays);
    return [&arrays, args = ScatterAddArgs{.dtype = dtype,
                                           .ids_dtype = DType::int64,
                                           .updates = arrays.in(dtype, s.results()),
                                           .ids = arrays.given(s.ids()),
                                           .y = arrays.in_out(dtype, s.elements()),
                                           .outer = s.outer,
                                           .count = s.count,
                                           .picked = s.picked,
                                           .inner = s.inner}] { scatter_add_kernel(arrays.stream(), args); };
  });
}

std::vector<KernelCase> top_k_cases(const Sizes& sizes) {
  return in_both_types("top_k", sizes.describe(), [=](CaseArrays& arrays, DType dtype) {
    const Sizes s = sizes.of(arrays);
    return [&arrays,
            args = TopKArgs{.dtype = dtype,
                            .x = arrays.in(dtype, s.elements()),
                            .values = arrays.out(dtype, s.results()),
                            .indices = static_cast<std::int64_t*>(arrays.out(DType::int64, s.results())),
                            .outer = s.outer,
                            .count = s.count,
                            .picked = s.picked,
                            .inner = s.inner}] { top_k_kernel(arrays.stream(), args); };
  });
}

const KernelCases registered({gather_cases({.outer = 64, .count = 16, .picked = 16, .inner = 256}),
                              scatter_add_cases({.outer = 512, .count = 16, .picked = 16, .inner = 16}),
                              top_k_cases({.outer = 256, .count = 1024, .picked = 8, .inner = 1}),
                              top_k_cases({.outer = 16, .count = 16, .picked = 4, .inner = 1024})});

}  // namespace
}  // namespace slipway
