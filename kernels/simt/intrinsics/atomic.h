#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <type_traits>

/// Read-modify-write operations under CUDA's names: the host's own atomics, relaxed, as they are on a device.
/// The instrumentation of a checked kernel sees them as what they are.

namespace slipway::simt {

template <class T>
using WordOf = std::conditional_t<sizeof(T) == 8, std::uint64_t,
                                  std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint16_t>>;

/// *address = change(*address); the old value.
template <class T, class Change>
inline T atomic_change(T* address, Change change) {
  auto* word = reinterpret_cast<WordOf<T>*>(address);
  WordOf<T> old = __atomic_load_n(word, __ATOMIC_RELAXED);
  for (;;) {
    const auto changed = std::bit_cast<WordOf<T>>(static_cast<T>(change(std::bit_cast<T>(old))));
    if (__atomic_compare_exchange_n(word, &old, changed, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
      return std::bit_cast<T>(old);
    }
  }
}

template <class T>
concept AtomicInteger = std::integral<T> &&(sizeof(T) == 4 || sizeof(T) == 8);

}  // namespace slipway::simt

// The value's type must not take part in the deduction: atomicAdd(&counter, 1) adds to any integer.
template <slipway::simt::AtomicInteger T>
T atomicAdd(T* address, std::type_identity_t<T> value) {
  return __atomic_fetch_add(address, value, __ATOMIC_RELAXED);
}
template <slipway::simt::AtomicInteger T>
T atomicSub(T* address, std::type_identity_t<T> value) {
  return __atomic_fetch_sub(address, value, __ATOMIC_RELAXED);
}
template <slipway::simt::AtomicInteger T>
T atomicAnd(T* address, std::type_identity_t<T> value) {
  return __atomic_fetch_and(address, value, __ATOMIC_RELAXED);
}
template <slipway::simt::AtomicInteger T>
T atomicOr(T* address, std::type_identity_t<T> value) {
  return __atomic_fetch_or(address, value, __ATOMIC_RELAXED);
}
template <slipway::simt::AtomicInteger T>
T atomicXor(T* address, std::type_identity_t<T> value) {
  return __atomic_fetch_xor(address, value, __ATOMIC_RELAXED);
}
template <slipway::simt::AtomicInteger T>
T atomicMin(T* address, std::type_identity_t<T> value) {
  return slipway::simt::atomic_change(address, [=](T old) { return value < old ? value : old; });
}
template <slipway::simt::AtomicInteger T>
T atomicMax(T* address, std::type_identity_t<T> value) {
  return slipway::simt::atomic_change(address, [=](T old) { return old < value ? value : old; });
}
template <class T>
T atomicExch(T* address, std::type_identity_t<T> value) {
  return slipway::simt::atomic_change(address, [=](T) { return value; });
}
template <class T>
T atomicCAS(T* address, std::type_identity_t<T> expected, std::type_identity_t<T> desired) {
  auto* word = reinterpret_cast<slipway::simt::WordOf<T>*>(address);
  auto old = std::bit_cast<slipway::simt::WordOf<T>>(expected);
  __atomic_compare_exchange_n(word, &old, std::bit_cast<slipway::simt::WordOf<T>>(desired), false,
                              __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  return std::bit_cast<T>(old);
}
/// Counts up to `limit` and starts again at 0.
inline unsigned atomicInc(unsigned* address, unsigned limit) {
  return slipway::simt::atomic_change(address, [=](unsigned old) { return old >= limit ? 0 : old + 1; });
}
inline unsigned atomicDec(unsigned* address, unsigned limit) {
  return slipway::simt::atomic_change(
      address, [=](unsigned old) { return old == 0 || old > limit ? limit : old - 1; });
}

inline float atomicAdd(float* address, float value) {
  return slipway::simt::atomic_change(address, [=](float old) { return old + value; });
}
inline double atomicAdd(double* address, double value) {
  return slipway::simt::atomic_change(address, [=](double old) { return old + value; });
}
inline __half atomicAdd(__half* address, __half value) {
  return slipway::simt::atomic_change(address, [=](__half old) { return __hadd(old, value); });
}
inline __nv_bfloat16 atomicAdd(__nv_bfloat16* address, __nv_bfloat16 value) {
  return slipway::simt::atomic_change(address, [=](__nv_bfloat16 old) { return __hadd(old, value); });
}
