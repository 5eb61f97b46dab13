#include <dlfcn.h>

#include "tests/kernels/simt/runtime/support.h"

namespace slipway::test {
namespace {

using SimulatedErrors = SimulatedRuntime;

TEST_F(SimulatedErrors, LastErrorIsReturnedOnce) {
  // "Returns the last error produced by any of the runtime calls in the host thread and resets it to
  // cudaSuccess."
  EXPECT_EQ(cudaSetDevice(99), cudaErrorInvalidDevice);
  int device = 0;
  ok(cudaGetDevice(&device));  // a success does not reset it
  EXPECT_EQ(cudaPeekAtLastError(), cudaErrorInvalidDevice);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidDevice);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

TEST_F(SimulatedErrors, EachThreadHasItsOwnLastError) {
  EXPECT_EQ(cudaSetDevice(99), cudaErrorInvalidDevice);
  cudaError_t of_other_thread = cudaErrorUnknown;
  std::thread([&] { of_other_thread = cudaGetLastError(); }).join();
  EXPECT_EQ(of_other_thread, cudaSuccess);
}

TEST_F(SimulatedErrors, TextsAreThoseOfTheRealRuntime) {
  void* runtime = nullptr;
  for (const char* name : {"libcudart.so", "/usr/local/cuda/lib64/libcudart.so"}) {
    if (!runtime) runtime = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  }
  if (!runtime) GTEST_SKIP() << "no libcudart to compare with";
  using TextOf = const char* (*)(cudaError_t);
  const auto name = reinterpret_cast<TextOf>(dlsym(runtime, "cudaGetErrorName"));
  const auto description = reinterpret_cast<TextOf>(dlsym(runtime, "cudaGetErrorString"));
  int known = 0;
  for (int code = 0; code < 1000; ++code) {
    const auto error = static_cast<cudaError_t>(code);
    if (std::string(cudaGetErrorName(error)) == "unrecognized error code") continue;
    EXPECT_STREQ(cudaGetErrorName(error), name(error));
    EXPECT_STREQ(cudaGetErrorString(error), description(error));
    ++known;
  }
  EXPECT_GT(known, 30);
  EXPECT_STREQ(cudaGetErrorName(static_cast<cudaError_t>(12345)), name(static_cast<cudaError_t>(12345)));
  dlclose(runtime);
}

TEST_F(SimulatedErrors, AnAsynchronousErrorStays) {
  restart_with({.faults = {.failing_launch = 2}});
  OwnedStream stream;
  int runs = 0;
  launch(stream, [&] { ++runs; });
  launch(stream, [&] { ++runs; });
  launch(stream, [&] { ++runs; });
  EXPECT_EQ(cudaGetLastError(), cudaSuccess) << "nothing has run yet";
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorIllegalAddress);
  EXPECT_EQ(runs, 1) << "neither the failing launch nor what follows it";
  void* memory = nullptr;
  EXPECT_EQ(cudaMalloc(&memory, 16), cudaErrorIllegalAddress);
  EXPECT_EQ(cudaGetLastError(), cudaErrorIllegalAddress);
  EXPECT_EQ(cudaGetLastError(), cudaErrorIllegalAddress) << "reading a sticky error does not clear it";
}

TEST_F(SimulatedErrors, OtherDevicesOutliveAnAsynchronousError) {
  restart_with({.faults = {.failing_launch = 1}});
  OwnedStream stream;
  launch(stream, [] {});
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
  ok(cudaSetDevice(1));
  void* memory = nullptr;
  ok(cudaMalloc(&memory, 16));
  ok(cudaFree(memory));
  EXPECT_EQ(cudaSetDevice(0), cudaErrorIllegalAddress);
  ok(cudaDeviceReset());
  ok(cudaMalloc(&memory, 16));
  ok(cudaFree(memory));
}

TEST_F(SimulatedErrors, TheChosenAllocationFails) {
  restart_with({.faults = {.failing_allocation = 2}});
  void *first = nullptr, *second = nullptr;
  ok(cudaMalloc(&first, 16));
  EXPECT_EQ(cudaMalloc(&second, 16), cudaErrorMemoryAllocation);
  EXPECT_EQ(second, nullptr);
  EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
  ok(cudaMalloc(&second, 16));
  ok(cudaFree(first));
  ok(cudaFree(second));
}

TEST_F(SimulatedErrors, AGridThatCannotBeSimulatedIsALaunchFailure) {
  OwnedStream stream;
  simt::enqueue({.device = {DeviceKind::cuda, 0}, .native = stream},
                {.function = reinterpret_cast<const void*>(&ok),
                 .grid = {0x7fffffff, 65535, 1},
                 .block = {1, 1, 1},
                 .thread_body = [] {}});
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorLaunchFailure);
  EXPECT_NE(finding_texts().find("too many to simulate"), std::string::npos) << finding_texts();
}

}  // namespace
}  // namespace slipway::test
