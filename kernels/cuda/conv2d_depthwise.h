#pragma once

#include <memory>

#include "kernels/conv2d.h"

namespace slipway::cuda {

/// Convolutions whose groups have one input channel each, computed directly: a product of matrices would
/// leave most of its tile empty.
bool is_depthwise(const Conv2dProblem& problem);
std::unique_ptr<PreparedKernel<Conv2dArgs>> depthwise_forward(const Conv2dProblem& problem);
std::unique_ptr<PreparedKernel<Conv2dBackwardDataArgs>> depthwise_backward_data(const Conv2dProblem& problem);
std::unique_ptr<PreparedKernel<Conv2dBackwardWeightsArgs>> depthwise_backward_weights(
    const Conv2dProblem& problem);

}  // namespace slipway::cuda
