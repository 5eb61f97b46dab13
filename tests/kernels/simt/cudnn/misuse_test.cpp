#include <memory>
#include <utility>

#include "tests/kernels/simt/cudnn/support.h"

namespace slipway::test::cudnn {
namespace {

using SimulatedCudnnMisuse = SimulatedRuntime;

std::size_t filter_workspace(const Descriptors& call) {
  std::size_t bytes = 0;
  ok(cudnnGetConvolutionBackwardFilterWorkspaceSize(call.handle, call.x, call.y, call.window, call.weight,
                                                    CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, &bytes));
  return bytes;
}

TEST_F(SimulatedCudnnMisuse, DescriptorsMustAgree) {
  Convolution call;
  const Problem problem;
  Descriptors::set(call.y, CUDNN_DATA_FLOAT, {2, 6, 3, 5});  // one column too few
  EXPECT_EQ(call.forward(), CUDNN_STATUS_BAD_PARAM);
  Descriptors::set(call.y, CUDNN_DATA_FLOAT, problem.y);
  Descriptors::set(call.x, CUDNN_DATA_FLOAT, {2, 2, 6, 5});  // as if there were one group
  EXPECT_EQ(call.backward_data(), CUDNN_STATUS_BAD_PARAM);
  Descriptors::set(call.x, CUDNN_DATA_DOUBLE, problem.x);
  EXPECT_EQ(call.backward_filter(), CUDNN_STATUS_BAD_PARAM);
}

TEST_F(SimulatedCudnnMisuse, DescriptorsMustBePossible) {
  const Descriptors call;
  EXPECT_EQ(cudnnSetTensor4dDescriptor(call.x, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, 0, 1, 1, 1),
            CUDNN_STATUS_BAD_PARAM);
  EXPECT_EQ(cudnnSetConvolution2dDescriptor(call.window, -1, 0, 1, 1, 1, 1, CUDNN_CROSS_CORRELATION,
                                            CUDNN_DATA_FLOAT),
            CUDNN_STATUS_BAD_PARAM);
  EXPECT_EQ(cudnnSetConvolution2dDescriptor(call.window, 0, 0, 0, 1, 1, 1, CUDNN_CROSS_CORRELATION,
                                            CUDNN_DATA_FLOAT),
            CUDNN_STATUS_BAD_PARAM);
  EXPECT_EQ(cudnnSetConvolutionGroupCount(call.window, 0), CUDNN_STATUS_BAD_PARAM);
}

TEST_F(SimulatedCudnnMisuse, TypesOfSumsMustBeSupported) {
  Convolution call;
  ok(cudnnSetConvolution2dDescriptor(call.window, 1, 1, 2, 1, 1, 1, CUDNN_CROSS_CORRELATION,
                                     CUDNN_DATA_HALF));
  EXPECT_EQ(call.forward(), CUDNN_STATUS_NOT_SUPPORTED);
}

TEST_F(SimulatedCudnnMisuse, AlgorithmsMustSupportTheProblem) {
  Convolution call;
  EXPECT_EQ(call.forward(CUDNN_CONVOLUTION_FWD_ALGO_DIRECT), CUDNN_STATUS_NOT_SUPPORTED);
  EXPECT_EQ(call.forward(CUDNN_CONVOLUTION_FWD_ALGO_GEMM), CUDNN_STATUS_NOT_SUPPORTED);  // groups
  ok(cudnnSetActivationDescriptor(call.activation, CUDNN_ACTIVATION_IDENTITY, CUDNN_NOT_PROPAGATE_NAN, 0));
  EXPECT_EQ(call.forward_with_epilogue(CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM), CUDNN_STATUS_NOT_SUPPORTED);
  EXPECT_EQ(call.forward_with_epilogue(CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM),
            CUDNN_STATUS_SUCCESS);
  ok(cudnnSetActivationDescriptor(call.activation, CUDNN_ACTIVATION_RELU, CUDNN_PROPAGATE_NAN, 0));
  EXPECT_EQ(call.forward_with_epilogue(CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM),
            CUDNN_STATUS_NOT_SUPPORTED);
}

TEST_F(SimulatedCudnnMisuse, TheBiasMustHaveOneElementAChannel) {
  Convolution call;
  Descriptors::set(call.bias, CUDNN_DATA_FLOAT, {1, 5, 1, 1});
  EXPECT_EQ(call.forward_with_epilogue(CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM),
            CUDNN_STATUS_BAD_PARAM);
}

TEST_F(SimulatedCudnnMisuse, WorkspaceMustBeLargeEnough) {
  Convolution call;
  call.workspace_bytes = filter_workspace(call) - 1;
  EXPECT_EQ(call.backward_filter(), CUDNN_STATUS_BAD_PARAM);
  call.workspace_bytes += 1;
  EXPECT_EQ(call.backward_filter(), CUDNN_STATUS_SUCCESS);
}

TEST_F(SimulatedCudnnMisuse, ArraysMustBeAligned) {
  Convolution call;
  EXPECT_EQ(
      cudnnConvolutionForward(call.handle, &call.one, call.x, call.x_values.get() + 1, call.weight,
                              call.weight_values.get(), call.window, CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM,
                              nullptr, 0, &call.zero, call.y, call.y_values.get()),
      CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER);
}

TEST_F(SimulatedCudnnMisuse, HandlesMustLive) {
  Convolution call;
  ok(cudnnDestroy(call.handle));
  EXPECT_EQ(call.forward(), CUDNN_STATUS_NOT_INITIALIZED);
  ok(cudnnCreate(&call.handle));
  ok(cudnnDestroyFilterDescriptor(std::exchange(call.weight, nullptr)));
  EXPECT_EQ(call.forward(), CUDNN_STATUS_BAD_PARAM);
}

TEST_F(SimulatedCudnnMisuse, MemoryMustBeOfTheHandlesDeviceAndHoldTheArrays) {
  Convolution call;
  const auto run_into = [&](float* y) {
    return cudnnConvolutionForward(call.handle, &call.one,  // bug: arrays
                                   call.x, call.x_values.get(), call.weight, call.weight_values.get(),
                                   call.window, CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM, nullptr, 0,
                                   &call.zero, call.y, y);
  };
  const DeviceArray<float> elsewhere(call.y_values.size(), 1), small(call.y_values.size() - 1);
  EXPECT_EQ(run_into(elsewhere.get()), CUDNN_STATUS_EXECUTION_FAILED);
  expect_found({"wrong device", __FILE__, "bug: arrays"});
  EXPECT_EQ(run_into(small.get()), CUDNN_STATUS_EXECUTION_FAILED);
  expect_found({"out of bounds", __FILE__, "bug: arrays"});
}

TEST_F(SimulatedCudnnMisuse, ResultsMustNotOverlapFactors) {
  Convolution call({.x = {1, 1, 2, 2},
                    .weight = {1, 1, 1, 1},
                    .y = {1, 1, 2, 2},
                    .padding = {0, 0},
                    .stride = {1, 1},
                    .groups = 1});
  const cudnnStatus_t status = cudnnConvolutionForward(  // bug: overlap
      call.handle, &call.one, call.x, call.x_values.get(), call.weight, call.weight_values.get(), call.window,
      CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM, nullptr, 0, &call.zero, call.y, call.x_values.get());
  EXPECT_EQ(status, CUDNN_STATUS_EXECUTION_FAILED);
  expect_found({"overlapping arrays", __FILE__, "bug: overlap"});
}

TEST_F(SimulatedCudnnMisuse, AMissingWaitForTheBiasIsFound) {
  for_each_seed([] {
    Convolution call;
    const OwnedStream producer, consumer;
    ok(cudnnSetStream(call.handle, consumer));
    ok(cudaMemsetAsync(call.bias_values.get(), 0, call.bias_values.bytes(), producer));
    ok(call.forward_with_epilogue(CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM));
    ok(cudaDeviceSynchronize());
    EXPECT_GE(count_findings("stream race"), 1u) << finding_texts();
  });
}

TEST_F(SimulatedCudnnMisuse, WorkspaceIsWritten) {
  // Two convolutions that share workspace must be in an order.
  for_each_seed([] {
    Convolution first, second;
    const OwnedStream one, other;
    ok(cudnnSetStream(first.handle, one));
    ok(cudnnSetStream(second.handle, other));
    ok(first.backward_data());
    ok(cudnnConvolutionBackwardData(second.handle, &second.one, second.weight, second.weight_values.get(),
                                    second.y, second.y_values.get(), second.window,
                                    CUDNN_CONVOLUTION_BWD_DATA_ALGO_1, first.workspace.get(),
                                    first.workspace_bytes, &second.zero, second.x, second.x_values.get()));
    ok(cudaDeviceSynchronize());
    EXPECT_GE(count_findings("stream race"), 1u) << finding_texts();
  });
}

}  // namespace
}  // namespace slipway::test::cudnn
