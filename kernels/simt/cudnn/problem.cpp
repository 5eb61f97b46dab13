#include "kernels/simt/cudnn/description.h"

// What cuDNN can convolve, and by which algorithms.
namespace slipway::simt {
namespace {

void check_types(const ConvolutionProblem& problem) {
  const cudnnDataType_t type = problem.x.type, compute = problem.window.compute;
  expect(problem.weight.type == type && problem.y.type == type, CUDNN_STATUS_BAD_PARAM);
  expect(compute == (type == CUDNN_DATA_DOUBLE ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT),
         CUDNN_STATUS_NOT_SUPPORTED);
}

std::int64_t output_size(const ConvolutionProblem& problem, std::size_t axis) {
  const CudnnWindow& window = problem.window;
  const std::int64_t reach = (problem.weight.sizes[2 + axis] - 1) * window.dilation[axis] + 1;
  const std::int64_t padded = problem.x.sizes[2 + axis] + 2 * window.padding[axis];
  return padded < reach ? 0 : (padded - reach) / window.stride[axis] + 1;
}

AlgorithmTraits supported(int number, std::size_t workspace = 0) {
  return {.number = number, .supported = true, .workspace = workspace};
}
AlgorithmTraits nondeterministic(int number) {
  return {.number = number, .supported = true, .deterministic = false};
}

}  // namespace

std::size_t size_of(cudnnDataType_t type) {
  switch (type) {
    case CUDNN_DATA_HALF:
    case CUDNN_DATA_BFLOAT16:
      return 2;
    case CUDNN_DATA_FLOAT:
      return 4;
    case CUDNN_DATA_DOUBLE:
      return 8;
    default:
      return 0;
  }
}

std::size_t CudnnTensor::bytes() const { return static_cast<std::size_t>(count()) * size_of(type); }

double ConvolutionProblem::flops() const {
  return 2.0 * static_cast<double>(y.count()) * static_cast<double>(taps());
}

ConvolutionProblem check_problem(const CudnnTensor& x, const CudnnFilter& weight, const CudnnTensor& y,
                                 const CudnnWindow& window) {
  const ConvolutionProblem problem{x, weight, y, window};
  expect(x.count() > 0 && weight.count() > 0 && y.count() > 0 && window.stride[0] > 0,
         CUDNN_STATUS_BAD_PARAM);  // some descriptor was never set
  expect(x.sizes[1] == weight.sizes[1] * window.groups && weight.sizes[0] % window.groups == 0 &&
             y.sizes[0] == x.sizes[0] && y.sizes[1] == weight.sizes[0],
         CUDNN_STATUS_BAD_PARAM);
  for (std::size_t axis = 0; axis < 2; ++axis) {
    expect(y.sizes[2 + axis] == output_size(problem, axis), CUDNN_STATUS_BAD_PARAM);
  }
  check_types(problem);
  return problem;
}

std::vector<AlgorithmTraits> algorithms_for(ConvolutionDirection direction,
                                            const ConvolutionProblem& problem) {
  const CudnnWindow& window = problem.window;
  const auto columns =
      static_cast<std::size_t>(problem.taps() * problem.out_plane()) * size_of(problem.x.type);
  const bool plain = window.groups == 1 && window.dilation == std::array<std::int64_t, 2>{1, 1};
  switch (direction) {
    case ConvolutionDirection::forward: {
      AlgorithmTraits gemm = supported(CUDNN_CONVOLUTION_FWD_ALGO_GEMM, columns);
      gemm.supported = plain;
      return {supported(CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, 1000),
              supported(CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM),
              gemm,
              {.number = CUDNN_CONVOLUTION_FWD_ALGO_DIRECT},
              {.number = CUDNN_CONVOLUTION_FWD_ALGO_FFT},
              {.number = CUDNN_CONVOLUTION_FWD_ALGO_FFT_TILING},
              {.number = CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD},
              {.number = CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD_NONFUSED}};
    }
    case ConvolutionDirection::data:
      return {nondeterministic(CUDNN_CONVOLUTION_BWD_DATA_ALGO_0),
              supported(CUDNN_CONVOLUTION_BWD_DATA_ALGO_1, 1000),
              {.number = CUDNN_CONVOLUTION_BWD_DATA_ALGO_FFT},
              {.number = CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD}};
    default:
      return {nondeterministic(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0),
              nondeterministic(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3),
              supported(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, columns),
              {.number = CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT}};
  }
}

}  // namespace slipway::simt
