#pragma once

#include "kernels/conv2d.h"

/// Convolution as direct loops over row-major values: float64, and float32 where oneDNN has nothing better.
/// The order of every sum is fixed whatever the thread count.
namespace slipway::cpu {

std::unique_ptr<PreparedKernel<Conv2dArgs>> conv2d_forward_loops(const Conv2dProblem& problem);
std::unique_ptr<PreparedKernel<Conv2dBackwardDataArgs>> conv2d_backward_data_loops(
    const Conv2dProblem& problem);
std::unique_ptr<PreparedKernel<Conv2dBackwardWeightsArgs>> conv2d_backward_weights_loops(
    const Conv2dProblem& problem);
/// Whether the loops can do it: row-major, or nothing to compute.
bool conv2d_loops_apply(const Conv2dProblem& problem);

}  // namespace slipway::cpu
