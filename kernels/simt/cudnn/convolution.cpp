#include <algorithm>

#include "kernels/simt/cudnn/description.h"

// cuDNN's convolutions, and what it tells of their algorithms.
namespace slipway::simt {
namespace {

constexpr std::uintptr_t kAlignment = 16;

template <class Algorithm>
AlgorithmTraits traits_of(ConvolutionDirection direction, const ConvolutionProblem& problem,
                          Algorithm algorithm) {
  for (const AlgorithmTraits& traits : algorithms_for(direction, problem)) {
    if (traits.number == static_cast<int>(algorithm) && traits.supported) return traits;
  }
  throw LibraryFailure<cudnnStatus_t>{CUDNN_STATUS_NOT_SUPPORTED};
}

template <class Performance>
void list_algorithms(ConvolutionDirection direction, const ConvolutionProblem& problem, int wanted,
                     int* returned, Performance* results) {
  expect(wanted > 0 && returned && results, CUDNN_STATUS_BAD_PARAM);
  *returned = 0;
  for (const AlgorithmTraits& traits : algorithms_for(direction, problem)) {
    if (*returned == wanted) break;
    const int place = (*returned)++;
    Performance& result = results[place];
    result = {};
    result.algo = static_cast<decltype(result.algo)>(traits.number);
    result.status = traits.supported ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_NOT_SUPPORTED;
    result.time = traits.supported ? static_cast<float>(place + 1) : -1.0f;
    result.memory = traits.workspace;
    result.determinism = traits.deterministic ? CUDNN_DETERMINISTIC : CUDNN_NON_DETERMINISTIC;
    result.mathType = problem.window.math;
  }
}

double scalar(const void* value, const ConvolutionProblem& problem) {
  expect(value, CUDNN_STATUS_BAD_PARAM);
  return problem.x.type == CUDNN_DATA_DOUBLE ? *static_cast<const double*>(value)
                                             : *static_cast<const float*>(value);
}

struct Workspace {
  void* data;
  std::size_t bytes;
};

struct ConvolutionCall {
  const char* name;
  ConvolutionDirection direction;
  cudnnHandle_t handle;
  ConvolutionArrays arrays;
  Workspace workspace;
  const void* caller;
};

std::vector<LibraryArray> arrays_of(const ConvolutionCall& call, const ConvolutionProblem& problem) {
  const ConvolutionArrays& arrays = call.arrays;
  const std::size_t x = problem.x.bytes(), weight = problem.weight.bytes(), y = problem.y.bytes();
  switch (call.direction) {
    case ConvolutionDirection::forward: {
      const ConvolutionEpilogue& epilogue = arrays.epilogue;
      const std::size_t channels = static_cast<std::size_t>(problem.y.sizes[1]) * size_of(problem.y.type);
      return {{"x", arrays.x, x},
              {"w", arrays.weight, weight},
              {"z", epilogue.residual, epilogue.residual_scale == 0 ? 0 : y, ArrayUse::read_in_place},
              {"bias", epilogue.bias, epilogue.bias ? channels : 0},
              {"y", arrays.result, y, ArrayUse::written}};
    }
    case ConvolutionDirection::data:
      return {{"w", arrays.weight, weight}, {"dy", arrays.y, y}, {"dx", arrays.result, x, ArrayUse::written}};
    default:
      return {{"x", arrays.x, x}, {"dy", arrays.y, y}, {"dw", arrays.result, weight, ArrayUse::written}};
  }
}

void convolve(Machine& machine, const ConvolutionCall& call, const ConvolutionProblem& problem,
              const AlgorithmTraits& algorithm) {
  const CudnnState& state = cudnn_state(call.handle);
  LibraryOperation operation{.name = call.name,
                             .device = state.device,
                             .stream = state.stream,
                             .arrays = arrays_of(call, problem),
                             .flops = problem.flops(),
                             .caller = call.caller};
  // "The workSpace is NULL or workSpaceSizeInBytes is too small" is a bad parameter.
  expect(call.workspace.bytes >= algorithm.workspace && (call.workspace.data || algorithm.workspace == 0),
         CUDNN_STATUS_BAD_PARAM);
  operation.arrays.push_back({"workSpace", call.workspace.data, algorithm.workspace, ArrayUse::workspace});
  for (const LibraryArray& array : operation.arrays) {
    expect(array.data || array.bytes == 0, CUDNN_STATUS_BAD_PARAM);
    expect(array.bytes == 0 || reinterpret_cast<std::uintptr_t>(array.data) % kAlignment == 0,
           CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER);
  }
  operation.run = [problem, arrays = call.arrays, direction = call.direction] {
    compute(direction, problem, arrays);
  };
  expect(submit(machine, operation), CUDNN_STATUS_EXECUTION_FAILED);
}

/// What cudnnConvolutionBiasActivationForward asks of its activation and algorithm.
void check_activation(const CudnnActivation& activation, cudnnConvolutionFwdAlgo_t algorithm) {
  expect(activation.mode == CUDNN_ACTIVATION_RELU || activation.mode == CUDNN_ACTIVATION_IDENTITY,
         CUDNN_STATUS_NOT_SUPPORTED);
  expect(activation.nans == CUDNN_NOT_PROPAGATE_NAN, CUDNN_STATUS_NOT_SUPPORTED);
  expect(activation.mode == CUDNN_ACTIVATION_RELU ||
             algorithm == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM,
         CUDNN_STATUS_NOT_SUPPORTED);
}

/// Its bias is [1, channels, 1, 1] of y's type, and z is like y.
void check_terms(const ConvolutionProblem& problem, const CudnnTensor& bias, const CudnnTensor& z) {
  expect(
      bias.type == problem.y.type && bias.sizes == std::array<std::int64_t, 4>{1, problem.y.sizes[1], 1, 1},
      CUDNN_STATUS_BAD_PARAM);
  expect(z == problem.y, CUDNN_STATUS_BAD_PARAM);
}

cudnnStatus_t workspace_size(ConvolutionDirection direction, int algorithm, std::size_t* bytes,
                             cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t weight,
                             cudnnTensorDescriptor_t y, cudnnConvolutionDescriptor_t window) {
  return cudnn_call([&](Machine&) {
    expect(bytes, CUDNN_STATUS_BAD_PARAM);
    const ConvolutionProblem problem =
        check_problem(cudnn_tensor(x), cudnn_filter(weight), cudnn_tensor(y), cudnn_window(window));
    *bytes = traits_of(direction, problem, algorithm).workspace;
  });
}

}  // namespace
}  // namespace slipway::simt

using namespace slipway::simt;

extern "C" {

cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(cudnnHandle_t handle, cudnnTensorDescriptor_t x,
                                                     cudnnFilterDescriptor_t weight,
                                                     cudnnConvolutionDescriptor_t window,
                                                     cudnnTensorDescriptor_t y, int wanted, int* returned,
                                                     cudnnConvolutionFwdAlgoPerf_t* results) {
  return cudnn_call([&](Machine&) {
    cudnn_state(handle);
    list_algorithms(
        ConvolutionDirection::forward,
        check_problem(cudnn_tensor(x), cudnn_filter(weight), cudnn_tensor(y), cudnn_window(window)), wanted,
        returned, results);
  });
}

cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(
    cudnnHandle_t handle, cudnnFilterDescriptor_t weight, cudnnTensorDescriptor_t dy,
    cudnnConvolutionDescriptor_t window, cudnnTensorDescriptor_t dx, int wanted, int* returned,
    cudnnConvolutionBwdDataAlgoPerf_t* results) {
  return cudnn_call([&](Machine&) {
    cudnn_state(handle);
    list_algorithms(
        ConvolutionDirection::data,
        check_problem(cudnn_tensor(dx), cudnn_filter(weight), cudnn_tensor(dy), cudnn_window(window)), wanted,
        returned, results);
  });
}

cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(cudnnHandle_t handle, cudnnTensorDescriptor_t x,
                                                            cudnnTensorDescriptor_t dy,
                                                            cudnnConvolutionDescriptor_t window,
                                                            cudnnFilterDescriptor_t dweight, int wanted,
                                                            int* returned,
                                                            cudnnConvolutionBwdFilterAlgoPerf_t* results) {
  return cudnn_call([&](Machine&) {
    cudnn_state(handle);
    list_algorithms(
        ConvolutionDirection::filter,
        check_problem(cudnn_tensor(x), cudnn_filter(dweight), cudnn_tensor(dy), cudnn_window(window)), wanted,
        returned, results);
  });
}

cudnnStatus_t cudnnGetConvolutionForwardWorkspaceSize(cudnnHandle_t, cudnnTensorDescriptor_t x,
                                                      cudnnFilterDescriptor_t weight,
                                                      cudnnConvolutionDescriptor_t window,
                                                      cudnnTensorDescriptor_t y,
                                                      cudnnConvolutionFwdAlgo_t algorithm,
                                                      std::size_t* bytes) {
  return workspace_size(ConvolutionDirection::forward, algorithm, bytes, x, weight, y, window);
}
cudnnStatus_t cudnnGetConvolutionBackwardDataWorkspaceSize(cudnnHandle_t, cudnnFilterDescriptor_t weight,
                                                           cudnnTensorDescriptor_t dy,
                                                           cudnnConvolutionDescriptor_t window,
                                                           cudnnTensorDescriptor_t dx,
                                                           cudnnConvolutionBwdDataAlgo_t algorithm,
                                                           std::size_t* bytes) {
  return workspace_size(ConvolutionDirection::data, algorithm, bytes, dx, weight, dy, window);
}
cudnnStatus_t cudnnGetConvolutionBackwardFilterWorkspaceSize(
    cudnnHandle_t, cudnnTensorDescriptor_t x, cudnnTensorDescriptor_t dy, cudnnConvolutionDescriptor_t window,
    cudnnFilterDescriptor_t dweight, cudnnConvolutionBwdFilterAlgo_t algorithm, std::size_t* bytes) {
  return workspace_size(ConvolutionDirection::filter, algorithm, bytes, x, dweight, dy, window);
}

cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t handle, const void* alpha, cudnnTensorDescriptor_t x_type,
                                      const void* x, cudnnFilterDescriptor_t weight_type, const void* weight,
                                      cudnnConvolutionDescriptor_t window,
                                      cudnnConvolutionFwdAlgo_t algorithm, void* workspace,
                                      std::size_t workspace_bytes, const void* beta,
                                      cudnnTensorDescriptor_t y_type, void* y) {
  const void* caller = __builtin_return_address(0);
  return cudnn_call([&](Machine& machine) {
    const ConvolutionProblem problem = check_problem(cudnn_tensor(x_type), cudnn_filter(weight_type),
                                                     cudnn_tensor(y_type), cudnn_window(window));
    const auto direction = ConvolutionDirection::forward;
    convolve(machine,
             {"cudnnConvolutionForward",
              direction,
              handle,
              {.x = x,
               .weight = weight,
               .y = nullptr,
               .result = y,
               .scale = scalar(alpha, problem),
               .result_scale = scalar(beta, problem)},
              {workspace, workspace_bytes},
              caller},
             problem, traits_of(direction, problem, algorithm));
  });
}

cudnnStatus_t cudnnConvolutionBiasActivationForward(
    cudnnHandle_t handle, const void* alpha1, cudnnTensorDescriptor_t x_type, const void* x,
    cudnnFilterDescriptor_t weight_type, const void* weight, cudnnConvolutionDescriptor_t window,
    cudnnConvolutionFwdAlgo_t algorithm, void* workspace, std::size_t workspace_bytes, const void* alpha2,
    cudnnTensorDescriptor_t z_type, const void* z, cudnnTensorDescriptor_t bias_type, const void* bias,
    cudnnActivationDescriptor_t activation_type, cudnnTensorDescriptor_t y_type, void* y) {
  const void* caller = __builtin_return_address(0);
  return cudnn_call([&](Machine& machine) {
    const ConvolutionProblem problem = check_problem(cudnn_tensor(x_type), cudnn_filter(weight_type),
                                                     cudnn_tensor(y_type), cudnn_window(window));
    check_terms(problem, cudnn_tensor(bias_type), cudnn_tensor(z_type));
    const CudnnActivation& activation = cudnn_activation(activation_type);
    check_activation(activation, algorithm);
    expect(z && bias, CUDNN_STATUS_BAD_PARAM);
    const auto direction = ConvolutionDirection::forward;
    const double residual_scale = scalar(alpha2, problem);
    convolve(machine,
             {"cudnnConvolutionBiasActivationForward",
              direction,
              handle,
              {.x = x,
               .weight = weight,
               .y = nullptr,
               .result = y,
               .scale = scalar(alpha1, problem),
               .epilogue = {.residual = residual_scale == 0 ? nullptr : z,
                            .residual_scale = residual_scale,
                            .bias = bias,
                            .relu = activation.mode == CUDNN_ACTIVATION_RELU}},
              {workspace, workspace_bytes},
              caller},
             problem, traits_of(direction, problem, algorithm));
  });
}

cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t handle, const void* alpha,
                                           cudnnFilterDescriptor_t weight_type, const void* weight,
                                           cudnnTensorDescriptor_t dy_type, const void* dy,
                                           cudnnConvolutionDescriptor_t window,
                                           cudnnConvolutionBwdDataAlgo_t algorithm, void* workspace,
                                           std::size_t workspace_bytes, const void* beta,
                                           cudnnTensorDescriptor_t dx_type, void* dx) {
  const void* caller = __builtin_return_address(0);
  return cudnn_call([&](Machine& machine) {
    const ConvolutionProblem problem = check_problem(cudnn_tensor(dx_type), cudnn_filter(weight_type),
                                                     cudnn_tensor(dy_type), cudnn_window(window));
    const auto direction = ConvolutionDirection::data;
    convolve(machine,
             {"cudnnConvolutionBackwardData",
              direction,
              handle,
              {.x = nullptr,
               .weight = weight,
               .y = dy,
               .result = dx,
               .scale = scalar(alpha, problem),
               .result_scale = scalar(beta, problem)},
              {workspace, workspace_bytes},
              caller},
             problem, traits_of(direction, problem, algorithm));
  });
}

cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t handle, const void* alpha,
                                             cudnnTensorDescriptor_t x_type, const void* x,
                                             cudnnTensorDescriptor_t dy_type, const void* dy,
                                             cudnnConvolutionDescriptor_t window,
                                             cudnnConvolutionBwdFilterAlgo_t algorithm, void* workspace,
                                             std::size_t workspace_bytes, const void* beta,
                                             cudnnFilterDescriptor_t dweight_type, void* dweight) {
  const void* caller = __builtin_return_address(0);
  return cudnn_call([&](Machine& machine) {
    const ConvolutionProblem problem = check_problem(cudnn_tensor(x_type), cudnn_filter(dweight_type),
                                                     cudnn_tensor(dy_type), cudnn_window(window));
    const auto direction = ConvolutionDirection::filter;
    convolve(machine,
             {"cudnnConvolutionBackwardFilter",
              direction,
              handle,
              {.x = x,
               .weight = nullptr,
               .y = dy,
               .result = dweight,
               .scale = scalar(alpha, problem),
               .result_scale = scalar(beta, problem)},
              {workspace, workspace_bytes},
              caller},
             problem, traits_of(direction, problem, algorithm));
  });
}

}  // extern "C"
