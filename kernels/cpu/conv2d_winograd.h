#pragma once

#include "kernels/conv2d.h"

/// Convolution 3x3 of stride 1 by Winograd's F(4x4, 3x3) (Lavin and Gray, "Fast Algorithms for Convolutional
/// Neural Networks", 2015), float32. Images are transformed a few at a time and weights in pieces, which stay
/// in the cache and are used up at once, while the next piece is fetched: the transformed weights are four
/// times the weights, and an implementation that writes all of them to memory spends its time there where
/// pixels are few. The order of every sum is fixed whatever the thread count.
namespace slipway::cpu {

/// Whether the kernels can do it: 3x3, stride 1, layouts blocked by the width of a vector, AVX2 or AVX-512.
bool conv2d_winograd_applies(const Conv2dProblem& problem);
/// Whether they are then the fastest without doubt.
bool conv2d_winograd_wins(const Conv2dProblem& problem);

std::unique_ptr<PreparedKernel<Conv2dArgs>> conv2d_forward_winograd(const Stream& stream,
                                                                    const Conv2dProblem& problem);
std::unique_ptr<PreparedKernel<Conv2dBackwardDataArgs>> conv2d_backward_data_winograd(
    const Stream& stream, const Conv2dProblem& problem);
std::unique_ptr<PreparedKernel<Conv2dBackwardWeightsArgs>> conv2d_backward_weights_winograd(
    const Stream& stream, const Conv2dProblem& problem);

}  // namespace slipway::cpu
