#pragma once

#include "kernels/conv2d.h"

/// The gradient of a convolution's weights where the input is row-major, as images of few channels are, and
/// the output blocked, float32: for one channel, oneDNN 2.6 has only its plain loop on processors with AVX2.
/// The order of every sum is fixed whatever the thread count.
namespace slipway::cpu {

/// Whether the kernel can do it: layouts as above, one group, AVX2 or AVX-512.
bool conv2d_few_channels_applies(const Conv2dProblem& problem);

std::unique_ptr<PreparedKernel<Conv2dBackwardWeightsArgs>> conv2d_backward_weights_few_channels(
    const Stream& stream, const Conv2dProblem& problem);

}  // namespace slipway::cpu
