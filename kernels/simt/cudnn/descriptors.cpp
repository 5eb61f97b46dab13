#include "kernels/simt/cudnn/description.h"

// Handles and descriptors of cuDNN.
namespace slipway::simt {
namespace {

/// All of one kind that programs have made. Never destroyed, as the machine.
template <class State>
Handles<State>& all() {
  static auto& handles = *new Handles<State>;
  return handles;
}

template <class State>
State& find(const void* handle, cudnnStatus_t otherwise = CUDNN_STATUS_BAD_PARAM) {
  State* found = all<State>().find(handle);
  expect(found, otherwise);
  return *found;
}

template <class State, class Handle>
cudnnStatus_t create(Handle* handle, const State& state, const void* caller) {
  return cudnn_call([&](Machine&) {
    expect(handle, CUDNN_STATUS_BAD_PARAM);
    *handle = reinterpret_cast<Handle>(all<State>().add(state, caller));
  });
}

template <class State>
cudnnStatus_t destroy(const void* handle) {
  return cudnn_call([&](Machine&) { expect(all<State>().remove(handle), CUDNN_STATUS_BAD_PARAM); });
}

/// Of tensors and filters alike.
void set(CudnnTensor& tensor, cudnnTensorFormat_t format, cudnnDataType_t type,
         const std::array<int, 4>& sizes) {
  expect(format == CUDNN_TENSOR_NCHW && size_of(type) != 0, CUDNN_STATUS_NOT_SUPPORTED);
  for (std::size_t axis = 0; axis < sizes.size(); ++axis) {
    expect(sizes[axis] > 0, CUDNN_STATUS_BAD_PARAM);
    tensor.sizes[axis] = sizes[axis];
  }
  tensor.type = type;
}

}  // namespace

CudnnState& cudnn_state(cudnnHandle_t handle) {
  return find<CudnnState>(handle, CUDNN_STATUS_NOT_INITIALIZED);
}
CudnnTensor& cudnn_tensor(cudnnTensorDescriptor_t handle) { return find<CudnnTensor>(handle); }
CudnnFilter& cudnn_filter(cudnnFilterDescriptor_t handle) { return find<CudnnFilter>(handle); }
CudnnWindow& cudnn_window(cudnnConvolutionDescriptor_t handle) { return find<CudnnWindow>(handle); }
CudnnActivation& cudnn_activation(cudnnActivationDescriptor_t handle) {
  return find<CudnnActivation>(handle);
}

}  // namespace slipway::simt

using namespace slipway::simt;

extern "C" {

std::size_t cudnnGetVersion() { return CUDNN_VERSION; }

const char* cudnnGetErrorString(cudnnStatus_t status) {
  switch (status) {
    case CUDNN_STATUS_SUCCESS:
      return "CUDNN_STATUS_SUCCESS";
    case CUDNN_STATUS_NOT_INITIALIZED:
      return "CUDNN_STATUS_NOT_INITIALIZED";
    case CUDNN_STATUS_BAD_PARAM:
      return "CUDNN_STATUS_BAD_PARAM";
    case CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER:
      return "CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER";
    case CUDNN_STATUS_NOT_SUPPORTED:
      return "CUDNN_STATUS_NOT_SUPPORTED";
    case CUDNN_STATUS_EXECUTION_FAILED:
      return "CUDNN_STATUS_EXECUTION_FAILED";
    default:
      return "CUDNN_STATUS_INTERNAL_ERROR";
  }
}

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  return create(handle, CudnnState{.device = host_thread().device}, __builtin_return_address(0));
}
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) { return destroy<CudnnState>(handle); }
cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  return cudnn_call([&](Machine& machine) {
    CudnnState& state = cudnn_state(handle);
    // "The stream must be of the device that the handle was created for."
    expect(!stream || machine.stream(stream).device == state.device, CUDNN_STATUS_BAD_PARAM);
    state.stream = stream;
  });
}

cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t* handle) {
  return create(handle, CudnnTensor{}, __builtin_return_address(0));
}
cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t handle) {
  return destroy<CudnnTensor>(handle);
}
cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t handle, cudnnTensorFormat_t format,
                                         cudnnDataType_t type, int n, int c, int h, int w) {
  return cudnn_call([&](Machine&) { set(cudnn_tensor(handle), format, type, {n, c, h, w}); });
}

cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t* handle) {
  return create(handle, CudnnFilter{}, __builtin_return_address(0));
}
cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t handle) {
  return destroy<CudnnFilter>(handle);
}
cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t handle, cudnnDataType_t type,
                                         cudnnTensorFormat_t format, int k, int c, int h, int w) {
  return cudnn_call([&](Machine&) { set(cudnn_filter(handle), format, type, {k, c, h, w}); });
}

cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t* handle) {
  return create(handle, CudnnWindow{}, __builtin_return_address(0));
}
cudnnStatus_t cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t handle) {
  return destroy<CudnnWindow>(handle);
}
cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t handle, int pad_h, int pad_w,
                                              int stride_h, int stride_w, int dilation_h, int dilation_w,
                                              cudnnConvolutionMode_t mode, cudnnDataType_t compute) {
  return cudnn_call([&](Machine&) {
    CudnnWindow& window = cudnn_window(handle);
    expect(pad_h >= 0 && pad_w >= 0 && stride_h > 0 && stride_w > 0 && dilation_h > 0 && dilation_w > 0,
           CUDNN_STATUS_BAD_PARAM);
    expect(mode == CUDNN_CROSS_CORRELATION, CUDNN_STATUS_NOT_SUPPORTED);
    window.padding = {pad_h, pad_w};
    window.stride = {stride_h, stride_w};
    window.dilation = {dilation_h, dilation_w};
    window.compute = compute;
  });
}
cudnnStatus_t cudnnSetConvolutionGroupCount(cudnnConvolutionDescriptor_t handle, int groups) {
  return cudnn_call([&](Machine&) {
    expect(groups > 0, CUDNN_STATUS_BAD_PARAM);
    cudnn_window(handle).groups = groups;
  });
}
cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t handle, cudnnMathType_t math) {
  return cudnn_call([&](Machine&) {
    expect(math >= CUDNN_DEFAULT_MATH && math <= CUDNN_FMA_MATH, CUDNN_STATUS_BAD_PARAM);
    cudnn_window(handle).math = math;
  });
}

cudnnStatus_t cudnnCreateActivationDescriptor(cudnnActivationDescriptor_t* handle) {
  return create(handle, CudnnActivation{}, __builtin_return_address(0));
}
cudnnStatus_t cudnnDestroyActivationDescriptor(cudnnActivationDescriptor_t handle) {
  return destroy<CudnnActivation>(handle);
}
cudnnStatus_t cudnnSetActivationDescriptor(cudnnActivationDescriptor_t handle, cudnnActivationMode_t mode,
                                           cudnnNanPropagation_t nans, double) {
  return cudnn_call([&](Machine&) { cudnn_activation(handle) = {mode, nans}; });
}

}  // extern "C"
