#include "kernels/element_loss.h"
#include "tools/bench/kernel_case.h"

namespace slipway {
namespace {

std::vector<KernelCase> loss_cases(const KernelSlot<ElementLossArgs>& slot) {
  return in_both_types(slot.name(), "", [&slot](CaseArrays& arrays, DType dtype) {
    const std::int64_t count = arrays.size(1 << 18, 1 << 26);
    return [&slot, &arrays,
            args = ElementLossArgs{
                .dtype = dtype,
                .target_dtype = dtype,
                .x = arrays.in(dtype, count),
                .target = arrays.in(dtype, count),
                .weights = nullptr,
                .channels = 1,
                .inner = 1,
                .loss = arrays.out(dtype, 1),
                .dx = arrays.out(dtype, count),
                .count = count,
                .divisor = count,
                .parameter = 1,
                .partial = static_cast<double*>(arrays.scratch(DType::float64, ElementLossArgs::kParts))}] {
      slot(arrays.stream(), args);
    };
  });
}

const KernelCases registered({loss_cases(squared_error_kernel), loss_cases(absolute_error_kernel),
                              loss_cases(huber_kernel), loss_cases(binary_cross_entropy_kernel)});

}  // namespace
}  // namespace slipway
