#pragma once

#include <functional>

#include "kernels/conv2d.h"
#include "kernels/cpu/onednn.h"

/// Convolution by oneDNN, float32.
namespace slipway::cpu {

using ConvolutionAlgorithm = onednn::Convolution::Algorithm;

/// Null if oneDNN has no such implementation for the problem.
std::unique_ptr<PreparedKernel<Conv2dArgs>> conv2d_forward_onednn(const Stream& stream,
                                                                  const Conv2dProblem& problem,
                                                                  ConvolutionAlgorithm algorithm);
std::unique_ptr<PreparedKernel<Conv2dBackwardDataArgs>> conv2d_backward_data_onednn(
    const Stream& stream, const Conv2dProblem& problem, ConvolutionAlgorithm algorithm);
std::unique_ptr<PreparedKernel<Conv2dBackwardWeightsArgs>> conv2d_backward_weights_onednn(
    const Stream& stream, const Conv2dProblem& problem, ConvolutionAlgorithm algorithm);
/// The layouts that oneDNN prefers.
Conv2dLayouts conv2d_layouts_onednn(const Stream& stream, const Conv2dProblem& problem);

}  // namespace slipway::cpu
