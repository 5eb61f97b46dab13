#pragma once

#include "kernels/conv2d.h"

/// The gradient of a convolution's input on blocked layouts, float32, for any stride, dilation, padding and
/// number of groups. Its weights lie as forward takes them: the 8x8 or 16x16 blocks that it needs are
/// transposed into a piece that stays in the cache, where oneDNN 2.6 wants a transposed copy of the whole
/// weight. The order of every sum is fixed whatever the thread count.
namespace slipway::cpu {

/// Whether the kernel can do it: layouts blocked by the width of a vector, AVX2 or AVX-512.
bool conv2d_blocked_applies(const Conv2dProblem& problem);

std::unique_ptr<PreparedKernel<Conv2dBackwardDataArgs>> conv2d_backward_data_blocked(
    const Stream& stream, const Conv2dProblem& problem);

}  // namespace slipway::cpu
