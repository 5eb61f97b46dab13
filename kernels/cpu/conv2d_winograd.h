#pragma once

#include "kernels/conv2d.h"

/// Convolution 3x3 of stride 1 by Winograd's F(4x4, 3x3) (Lavin and Gray, "Fast Algorithms for Convolutional
/// Neural Networks", 2015), float32, for layers of many channels and few pixels. There the transformed
/// weights are by far the largest operand: four times the weights, which a straightforward implementation
/// writes to memory and reads back. Here they are made in pieces that stay in the cache and are used up at
/// once. The order of every sum is fixed whatever the thread count.
namespace slipway::cpu {

/// Whether the kernels can do it: 3x3, stride 1, blocked layouts of 16 channels, AVX-512.
bool conv2d_winograd_applies(const Conv2dProblem& problem);
/// Whether few enough pixels make it the fastest.
bool conv2d_winograd_wins(const Conv2dProblem& problem);

std::unique_ptr<PreparedKernel<Conv2dArgs>> conv2d_forward_winograd(const Stream& stream,
                                                                    const Conv2dProblem& problem);
std::unique_ptr<PreparedKernel<Conv2dBackwardDataArgs>> conv2d_backward_data_winograd(
    const Stream& stream, const Conv2dProblem& problem);
std::unique_ptr<PreparedKernel<Conv2dBackwardWeightsArgs>> conv2d_backward_weights_winograd(
    const Stream& stream, const Conv2dProblem& problem);

}  // namespace slipway::cpu
