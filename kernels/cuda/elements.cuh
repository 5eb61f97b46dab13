#pragma once

#include <algorithm>
#include <cstdint>

#include "core/base/dtype.h"
#include "core/base/error.h"
#include "kernels/activation.h"
#include "kernels/cuda/simt.cuh"

namespace slipway::cuda {

/// The type by which kernels know an element of host type T.
template <class T>
struct DeviceTypeOf {
  using Type = T;
};
template <>
struct DeviceTypeOf<float16> {
  using Type = __half;
};
template <>
struct DeviceTypeOf<bfloat16> {
  using Type = __nv_bfloat16;
};

/// Calls body.template operator()<T>() with the device type of a dtype.
template <class Body>
decltype(auto) visit_element(DType dtype, Body&& body) {
  return visit_dtype(dtype, [&]<class T>() -> decltype(auto) {
    return body.template operator()<typename DeviceTypeOf<T>::Type>();
  });
}

/// The same for float32, float64, float16 and bfloat16; any other dtype is an Error that names `kernel`.
template <class Body>
void visit_float(DType dtype, const char* kernel, Body&& body) {
  if (dtype == DType::float32)
    body.template operator()<float>();
  else if (dtype == DType::float64)
    body.template operator()<double>();
  else if (dtype == DType::float16)
    body.template operator()<__half>();
  else if (dtype == DType::bfloat16)
    body.template operator()<__nv_bfloat16>();
  else
    throw Error(text(kernel, ": expects a floating-point dtype, got ", dtype));
}

/// The type in which elements of type T are computed with: float for 16 bits, else T itself.
template <class T>
struct Accumulator {
  using Type = T;
};
template <>
struct Accumulator<__half> {
  using Type = float;
};
template <>
struct Accumulator<__nv_bfloat16> {
  using Type = float;
};
template <class T>
using AccumulatorOf = typename Accumulator<T>::Type;

/// Bytes of the accumulator of a dtype.
inline std::size_t accumulator_size(DType dtype) { return size_of(accumulator_of(dtype)); }

template <class T>
__device__ inline T to_accumulator(T value) {
  return value;
}
__device__ inline float to_accumulator(__half value) { return __half2float(value); }
__device__ inline float to_accumulator(__nv_bfloat16 value) { return __bfloat162float(value); }

/// Rounds to nearest even where T is narrower.
template <class T>
__device__ inline T from_accumulator(AccumulatorOf<T> value) {
  if constexpr (std::is_same_v<T, __half>)
    return __float2half_rn(value);
  else if constexpr (std::is_same_v<T, __nv_bfloat16>)
    return __float2bfloat16_rn(value);
  else
    return value;
}

template <class T>
__device__ inline T activate(Activation activation, T value) {
  return activation == Activation::relu && value < T(0) ? T(0) : value;  // keeps NaN
}

/// Elements that are read and written at once.
template <class T, int kElements>
struct alignas(sizeof(T) * kElements) Pack {
  T values[kElements];
};

/// Elements of the widest access, 16 bytes.
template <class T>
inline constexpr int kPackSize = 16 / static_cast<int>(sizeof(T));

template <int kElements, class T>
__device__ inline Pack<T, kElements> load_pack(const T* from) {
  return *reinterpret_cast<const Pack<T, kElements>*>(from);
}
template <int kElements, class T>
__device__ inline void store_pack(T* to, const Pack<T, kElements>& pack) {
  *reinterpret_cast<Pack<T, kElements>*>(to) = pack;
}

/// Whether packs of `elements` may be accessed at all these places; null pointers are not accessed.
template <class... T>
bool aligned_for_packs(int elements, const T*... places) {
  return (
      (reinterpret_cast<std::uintptr_t>(places) % (sizeof(T) * static_cast<std::size_t>(elements)) == 0) &&
      ...);
}

inline constexpr int kBlockThreads = 256;

/// This thread's place in a one-dimensional grid, and the threads in it.
__device__ inline std::int64_t grid_thread() {
  return static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ inline std::int64_t grid_threads() { return static_cast<std::int64_t>(gridDim.x) * blockDim.x; }

/// One number that the stream's device has.
inline int device_attribute(const Stream& stream, cudaDeviceAttr attribute) {
  int value = 0;
  const cudaError_t error = cudaDeviceGetAttribute(&value, attribute, stream.device.index);
  require(error == cudaSuccess, to_string(stream.device), ": ", cudaGetErrorString(error));
  return value;
}

/// Blocks for `count` units of work, one a thread, in a loop over the grid: as many as keep the device busy.
inline LaunchShape elementwise_shape(const Stream& stream, std::int64_t count) {
  constexpr std::int64_t kWaves = 4;
  const std::int64_t resident =
      device_attribute(stream, cudaDevAttrMultiProcessorCount) *
      (device_attribute(stream, cudaDevAttrMaxThreadsPerMultiProcessor) / kBlockThreads);
  const std::int64_t blocks = std::min((count + kBlockThreads - 1) / kBlockThreads, kWaves * resident);
  return {.grid = dim3(static_cast<unsigned>(blocks)), .block = dim3(kBlockThreads)};
}

/// A grid for a loop over `count` blocks' worth of work, of blocks of `threads`: kernels take every
/// gridDim.x-th.
inline LaunchShape block_shape(std::int64_t count, dim3 threads) {
  constexpr std::int64_t kMost = 1 << 20;
  return {.grid = dim3(static_cast<unsigned>(std::min(count, kMost))), .block = threads};
}

}  // namespace slipway::cuda
