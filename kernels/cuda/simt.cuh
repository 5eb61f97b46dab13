#pragma once

/// Everything that a kernel needs of CUDA, for nvcc and for the simulator alike: every .cu file includes this
/// and no header of CUDA. Beyond it, standard spelling: __shared__, __syncthreads(), __shfl_xor_sync(...),
/// atomicAdd(...).

#if defined(SLIPWAY_SIMULATED)
#include "kernels/simt/intrinsics.h"
#include "kernels/simt/launch.h"
#else
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <array>
#include <tuple>

#endif

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "core/base/error.h"
#include "core/tensor/device.h"

namespace slipway::cuda {

struct LaunchShape {
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes = 0;  // dynamic shared memory

  bool empty() const { return grid.x == 0 || grid.y == 0 || grid.z == 0; }
};

#if defined(SLIPWAY_SIMULATED)

/// Queues `kernel` on the stream; nothing if the grid is empty. Error if the shape is beyond any device.
template <class... Parameters, class... Arguments>
void launch(const Stream& stream, const LaunchShape& shape, void (*kernel)(Parameters...),
            Arguments... arguments) {
  if (shape.empty()) return;
  // A kernel's parameters are not the host's memory, although here they are: their reads are not
  // instrumented.
  auto body =
      [ kernel, ... values = Parameters(arguments) ]() __attribute__((no_sanitize("thread", "alignment"))) {
    kernel(values...);
  };
  simt::KernelLaunch queued{
      .function = reinterpret_cast<const void*>(kernel),
      .grid = shape.grid,
      .block = shape.block,
      .shared_bytes = shape.shared_bytes,
      .thread_body = simt::thread_body(std::make_shared<const decltype(body)>(std::move(body)),
                                       simt::call_body<decltype(body)>)};
  simt::require_valid(queued);
  simt::enqueue(stream, std::move(queued));
}

/// The block's dynamic shared memory, 16-byte aligned.
template <class T>
T* dynamic_shared() {
  static_assert(alignof(T) <= 16);
  return reinterpret_cast<T*>(simt::current.block->dynamic_shared);
}

#else

/// A kernel may use more than 48 KiB of dynamic shared memory only after its device has been told.
inline void allow_shared_bytes(int device, const void* kernel, std::size_t bytes) {
  constexpr std::size_t kAlwaysAllowed = 48 << 10;
  if (bytes <= kAlwaysAllowed) return;
  const cudaError_t status =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes));
  require(status == cudaSuccess, "cuda:", device, ": ", bytes,
          " bytes of shared memory for a block: ", cudaGetErrorString(status));
}

/// Queues `kernel` on the stream; nothing if the grid is empty. Error if the shape is beyond the device.
template <class... Parameters, class... Arguments>
void launch(const Stream& stream, const LaunchShape& shape, void (*kernel)(Parameters...),
            Arguments... arguments) {
  if (shape.empty()) return;
  const int device = stream.device.index;
  cudaSetDevice(device);
  const void* function = reinterpret_cast<const void*>(kernel);
  allow_shared_bytes(device, function, shape.shared_bytes);
  std::tuple<Parameters...> values(arguments...);
  const auto pointers =
      std::apply([](auto&... value) { return std::array<void*, sizeof...(value)>{&value...}; }, values);
  const cudaError_t status =
      cudaLaunchKernel(function, shape.grid, shape.block, const_cast<void**>(pointers.data()),
                       shape.shared_bytes, static_cast<cudaStream_t>(stream.native));
  require(status == cudaSuccess, "cuda:", device, ": can't launch ", shape.grid.x, " x ", shape.grid.y, " x ",
          shape.grid.z, " blocks of ", shape.block.x, " x ", shape.block.y, " x ", shape.block.z,
          " threads with ", shape.shared_bytes, " bytes of shared memory: ", cudaGetErrorString(status));
}

/// The block's dynamic shared memory, 16-byte aligned.
template <class T>
__device__ T* dynamic_shared() {
  static_assert(alignof(T) <= 16);
  extern __shared__ __align__(16) unsigned char memory[];
  return reinterpret_cast<T*>(memory);
}

#endif

}  // namespace slipway::cuda
