#pragma once

#include <cudnn.h>

#include <array>
#include <cstdint>
#include <vector>

#include "kernels/simt/library/operation.h"

namespace slipway::simt {

inline void expect(bool condition, cudnnStatus_t otherwise) {
  if (!condition) throw LibraryFailure<cudnnStatus_t>{otherwise};
}

/// Runs the body of a function of cuDNN.
template <class Body>
cudnnStatus_t cudnn_call(const Body& body) {
  return library_call(CUDNN_STATUS_EXECUTION_FAILED, body);
}

/// What cudnnHandle_t points to.
struct CudnnState {
  int device = 0;
  cudaStream_t stream = nullptr;
};

/// What cudnnTensorDescriptor_t points to: a row-major image tensor.
struct CudnnTensor {
  cudnnDataType_t type = CUDNN_DATA_FLOAT;
  std::array<std::int64_t, 4> sizes{};  // zeros before it is set

  std::int64_t count() const { return sizes[0] * sizes[1] * sizes[2] * sizes[3]; }
  std::size_t bytes() const;
  friend bool operator==(const CudnnTensor&, const CudnnTensor&) = default;
};

/// What cudnnFilterDescriptor_t points to: [out, in / groups, height, width].
struct CudnnFilter : CudnnTensor {};

/// What cudnnConvolutionDescriptor_t points to. By axis: height, width.
struct CudnnWindow {
  std::array<std::int64_t, 2> padding{}, stride{}, dilation{};
  std::int64_t groups = 1;
  cudnnDataType_t compute = CUDNN_DATA_FLOAT;
  cudnnMathType_t math = CUDNN_DEFAULT_MATH;
};

/// What cudnnActivationDescriptor_t points to.
struct CudnnActivation {
  cudnnActivationMode_t mode = CUDNN_ACTIVATION_IDENTITY;
  cudnnNanPropagation_t nans = CUDNN_NOT_PROPAGATE_NAN;
};

/// What the handles that programs hold stand for; failure if they are none of ours, or destroyed.
CudnnState& cudnn_state(cudnnHandle_t handle);
CudnnTensor& cudnn_tensor(cudnnTensorDescriptor_t handle);
CudnnFilter& cudnn_filter(cudnnFilterDescriptor_t handle);
CudnnWindow& cudnn_window(cudnnConvolutionDescriptor_t handle);
CudnnActivation& cudnn_activation(cudnnActivationDescriptor_t handle);

/// Bytes of an element; 0 for a type that the simulator does not know.
std::size_t size_of(cudnnDataType_t type);

/// A convolution, whichever of x, weight and y is the result.
struct ConvolutionProblem {
  CudnnTensor x;
  CudnnFilter weight;
  CudnnTensor y;
  CudnnWindow window;

  std::int64_t group_in() const { return weight.sizes[1]; }
  std::int64_t group_out() const { return weight.sizes[0] / window.groups; }
  std::int64_t taps() const { return weight.sizes[1] * weight.sizes[2] * weight.sizes[3]; }
  std::int64_t in_plane() const { return x.sizes[2] * x.sizes[3]; }
  std::int64_t out_plane() const { return y.sizes[2] * y.sizes[3]; }
  double flops() const;
  /// float32 factors are rounded to TF32 wherever the type of math does not forbid it.
  bool rounds_to_tf32() const { return x.type == CUDNN_DATA_FLOAT && window.math != CUDNN_FMA_MATH; }
};
/// Failure if the descriptors contradict each other (BAD_PARAM) or no algorithm has such types
/// (NOT_SUPPORTED).
ConvolutionProblem check_problem(const CudnnTensor& x, const CudnnFilter& weight, const CudnnTensor& y,
                                 const CudnnWindow& window);

enum class ConvolutionDirection : std::uint8_t { forward, data, filter };

/// One of the algorithms of a direction, as the library's own enumeration numbers them.
struct AlgorithmTraits {
  int number = 0;
  bool supported = false;
  bool deterministic = true;
  std::size_t workspace = 0;
};
/// All algorithms, the presumably fastest first and those that can't compute it last.
std::vector<AlgorithmTraits> algorithms_for(ConvolutionDirection direction,
                                            const ConvolutionProblem& problem);

/// What follows a forward convolution: y = activation(scale conv(x) + residual_scale residual + bias).
struct ConvolutionEpilogue {
  const void* residual = nullptr;
  double residual_scale = 0;
  const void* bias = nullptr;
  bool relu = false;
};

struct ConvolutionArrays {
  const void* x;
  const void* weight;
  const void* y;  // or dy
  void* result;   // y, dx or dweight
  double scale = 1;
  double result_scale = 0;  // of what the result held before
  ConvolutionEpilogue epilogue = {};
};
/// Computes it, now.
void compute(ConvolutionDirection direction, const ConvolutionProblem& problem,
             const ConvolutionArrays& arrays);

}  // namespace slipway::simt
