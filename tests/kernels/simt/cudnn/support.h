#pragma once

#include <cudnn.h>

#include <array>
#include <vector>

#include "tests/kernels/simt/runtime/support.h"

namespace slipway::test::cudnn {

using slipway::test::ok;
inline void ok(cudnnStatus_t status) { require(status == CUDNN_STATUS_SUCCESS, cudnnGetErrorString(status)); }

/// A float32 convolution as one call describes it.
struct Problem {
  std::array<int, 4> x{2, 4, 6, 5}, weight{6, 2, 3, 2}, y{2, 6, 3, 6};
  std::array<int, 2> padding{1, 1}, stride{2, 1}, dilation{1, 1};
  int groups = 2;
  cudnnDataType_t type = CUDNN_DATA_FLOAT;
  cudnnMathType_t math = CUDNN_FMA_MATH;
};

inline std::size_t count(const std::array<int, 4>& sizes) {
  return static_cast<std::size_t>(sizes[0]) * static_cast<std::size_t>(sizes[1]) *
         static_cast<std::size_t>(sizes[2]) * static_cast<std::size_t>(sizes[3]);
}

/// Everything that a call needs to describe it.
class Descriptors {
 public:
  explicit Descriptors(const Problem& problem = {}) {
    ok(cudnnCreate(&handle));
    for (auto* tensor : {&x, &y, &bias}) ok(cudnnCreateTensorDescriptor(tensor));
    ok(cudnnCreateFilterDescriptor(&weight));
    ok(cudnnCreateConvolutionDescriptor(&window));
    ok(cudnnCreateActivationDescriptor(&activation));
    set(x, problem.type, problem.x);
    set(y, problem.type, problem.y);
    set(bias, problem.type, {1, problem.y[1], 1, 1});
    const auto& w = problem.weight;
    ok(cudnnSetFilter4dDescriptor(weight, problem.type, CUDNN_TENSOR_NCHW, w[0], w[1], w[2], w[3]));
    ok(cudnnSetConvolution2dDescriptor(window, problem.padding[0], problem.padding[1], problem.stride[0],
                                       problem.stride[1], problem.dilation[0], problem.dilation[1],
                                       CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT));
    ok(cudnnSetConvolutionGroupCount(window, problem.groups));
    ok(cudnnSetConvolutionMathType(window, problem.math));
    ok(cudnnSetActivationDescriptor(activation, CUDNN_ACTIVATION_RELU, CUDNN_NOT_PROPAGATE_NAN, 0));
  }
  ~Descriptors() {
    for (auto tensor : {x, y, bias}) cudnnDestroyTensorDescriptor(tensor);
    cudnnDestroyFilterDescriptor(weight);
    cudnnDestroyConvolutionDescriptor(window);
    cudnnDestroyActivationDescriptor(activation);
    cudnnDestroy(handle);
  }
  Descriptors(const Descriptors&) = delete;
  Descriptors& operator=(const Descriptors&) = delete;

  static void set(cudnnTensorDescriptor_t tensor, cudnnDataType_t type, const std::array<int, 4>& s) {
    ok(cudnnSetTensor4dDescriptor(tensor, CUDNN_TENSOR_NCHW, type, s[0], s[1], s[2], s[3]));
  }

  cudnnHandle_t handle = nullptr;
  cudnnTensorDescriptor_t x = nullptr, y = nullptr, bias = nullptr;
  cudnnFilterDescriptor_t weight = nullptr;
  cudnnConvolutionDescriptor_t window = nullptr;
  cudnnActivationDescriptor_t activation = nullptr;
};

/// A convolution with its arrays on the device, filled with small integers, whose sums are exact.
class Convolution : public Descriptors {
 public:
  explicit Convolution(const Problem& problem = {})
      : Descriptors(problem),
        x_values(count(problem.x)),
        weight_values(count(problem.weight)),
        y_values(count(problem.y)),
        bias_values(static_cast<std::size_t>(problem.y[1])),
        workspace(std::size_t{1} << 16) {
    std::size_t seed = 0;
    for (const auto* array : {&x_values, &weight_values, &y_values, &bias_values}) {
      std::vector<float> host(array->size());
      for (float& value : host) value = static_cast<float>(seed++ * 7 % 11) - 5;
      ok(cudaMemcpy(array->get(), host.data(), array->bytes(), cudaMemcpyHostToDevice));
    }
    ok(cudaDeviceSynchronize());
  }

  cudnnStatus_t forward(cudnnConvolutionFwdAlgo_t algorithm = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM) {
    return cudnnConvolutionForward(handle, &one, x, x_values.get(), weight, weight_values.get(), window,
                                   algorithm, workspace.get(), workspace_bytes, &zero, y, y_values.get());
  }
  /// With a bias, and y itself as the residual.
  cudnnStatus_t forward_with_epilogue(cudnnConvolutionFwdAlgo_t algorithm) {
    return cudnnConvolutionBiasActivationForward(
        handle, &one, x, x_values.get(), weight, weight_values.get(), window, algorithm, workspace.get(),
        workspace_bytes, &one, y, y_values.get(), bias, bias_values.get(), activation, y, y_values.get());
  }
  cudnnStatus_t backward_data(cudnnConvolutionBwdDataAlgo_t algorithm = CUDNN_CONVOLUTION_BWD_DATA_ALGO_1) {
    return cudnnConvolutionBackwardData(handle, &one, weight, weight_values.get(), y, y_values.get(), window,
                                        algorithm, workspace.get(), workspace_bytes, &zero, x,
                                        x_values.get());
  }
  cudnnStatus_t backward_filter(
      cudnnConvolutionBwdFilterAlgo_t algorithm = CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1) {
    return cudnnConvolutionBackwardFilter(handle, &one, x, x_values.get(), y, y_values.get(), window,
                                          algorithm, workspace.get(), workspace_bytes, &zero, weight,
                                          weight_values.get());
  }

  static constexpr float one = 1, zero = 0;
  DeviceArray<float> x_values, weight_values, y_values, bias_values, workspace;
  std::size_t workspace_bytes = std::size_t{1} << 18;
};

inline std::vector<float> values_of(const DeviceArray<float>& array) {
  std::vector<float> host(array.size());
  ok(cudaMemcpy(host.data(), array.get(), array.bytes(), cudaMemcpyDeviceToHost));
  return host;
}

}  // namespace slipway::test::cudnn
