#include "kernels/cuda/vendor/cudnn/convolution.h"

#include <limits>

#include "core/base/error.h"

namespace slipway::cuda {
namespace {

cudnnDataType_t type_of(DType dtype) {
  switch (dtype) {
    case DType::float64:
      return CUDNN_DATA_DOUBLE;
    case DType::float16:
      return CUDNN_DATA_HALF;
    case DType::bfloat16:
      return CUDNN_DATA_BFLOAT16;
    default:
      return CUDNN_DATA_FLOAT;
  }
}

int narrow(std::int64_t size) { return static_cast<int>(size); }

cudnnTensorDescriptor_t make_tensor(DType dtype, const Shape& shape) {
  cudnnTensorDescriptor_t made = nullptr;
  expect_success(cudnnCreateTensorDescriptor(&made), "cudnnCreateTensorDescriptor");
  expect_success(cudnnSetTensor4dDescriptor(made, CUDNN_TENSOR_NCHW, type_of(dtype), narrow(shape[0]),
                                            narrow(shape[1]), narrow(shape[2]), narrow(shape[3])),
                 "cudnnSetTensor4dDescriptor");
  return made;
}

cudnnFilterDescriptor_t make_filter(DType dtype, const Shape& shape) {
  cudnnFilterDescriptor_t made = nullptr;
  expect_success(cudnnCreateFilterDescriptor(&made), "cudnnCreateFilterDescriptor");
  expect_success(cudnnSetFilter4dDescriptor(made, type_of(dtype), CUDNN_TENSOR_NCHW, narrow(shape[0]),
                                            narrow(shape[1]), narrow(shape[2]), narrow(shape[3])),
                 "cudnnSetFilter4dDescriptor");
  return made;
}

cudnnConvolutionDescriptor_t make_window(const Conv2dProblem& problem) {
  const Window2d& window = problem.window;
  cudnnConvolutionDescriptor_t made = nullptr;
  expect_success(cudnnCreateConvolutionDescriptor(&made), "cudnnCreateConvolutionDescriptor");
  expect_success(
      cudnnSetConvolution2dDescriptor(
          made, narrow(window.padding_begin[0]), narrow(window.padding_begin[1]), narrow(window.stride[0]),
          narrow(window.stride[1]), narrow(window.dilation[0]), narrow(window.dilation[1]),
          CUDNN_CROSS_CORRELATION, problem.x.dtype == DType::float64 ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT),
      "cudnnSetConvolution2dDescriptor");
  expect_success(cudnnSetConvolutionGroupCount(made, narrow(problem.groups)),
                 "cudnnSetConvolutionGroupCount");
  return made;
}

}  // namespace

void expect_success(cudnnStatus_t status, const char* call) {
  require(status == CUDNN_STATUS_SUCCESS, call, ": ", cudnnGetErrorString(status));
}

CudnnHandle::CudnnHandle(Device) {
  cudnnHandle_t made = nullptr;
  expect_success(cudnnCreate(&made), "cudnnCreate");
  handle_.reset(made);
}

CudnnHandle::Use CudnnHandle::in(const Stream& stream) {
  std::unique_lock lock(mutex_);
  cudaSetDevice(stream.device.index);
  expect_success(cudnnSetStream(handle_.get(), static_cast<cudaStream_t>(stream.native)), "cudnnSetStream");
  return {std::move(lock), handle_.get()};
}

bool Convolution::describes(const Conv2dProblem& problem) {
  for (const ValueType* type : {&problem.x, &problem.weight, &problem.y}) {
    if (type->elements() == 0 || type->elements() > std::numeric_limits<int>::max()) return false;
  }
  for (int axis = 0; axis < 2; ++axis) {
    const auto k = static_cast<std::size_t>(axis);
    const Window2d& window = problem.window;
    const std::int64_t reach = (problem.weight.shape[2 + axis] - 1) * window.dilation[k] + 1;
    const std::int64_t padded = problem.x.shape[2 + axis] + 2 * window.padding_begin[k];
    // Padding at the end matters only as far as it makes the result larger.
    if (padded < reach || (padded - reach) / window.stride[k] + 1 != problem.y.shape[2 + axis]) return false;
  }
  return true;
}

Convolution::Convolution(const Conv2dProblem& problem)
    : x_(make_tensor(problem.x.dtype, problem.x.shape)),
      y_(make_tensor(problem.x.dtype, problem.y.shape)),
      bias_(make_tensor(problem.x.dtype, Shape{1, problem.weight.shape[0], 1, 1})),
      weight_(make_filter(problem.x.dtype, problem.weight.shape)),
      window_(make_window(problem)),
      double_(problem.x.dtype == DType::float64) {}

void Convolution::set_math(cudnnMathType_t math) {
  expect_success(cudnnSetConvolutionMathType(window_.get(), math), "cudnnSetConvolutionMathType");
}

}  // namespace slipway::cuda
