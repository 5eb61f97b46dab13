#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/cuda/simt.cuh"
#ifdef SLIPWAY_SIMULATED
#include "kernels/simt/intrinsics/tensor_core.h"
#include "kernels/simt/intrinsics/tf32.h"
#endif

// Tensor-core and asynchronous-copy instructions (compute capability 8.0), one function an instruction.
// Everything else of a kernel is C++.

namespace slipway::cuda {

/// float32 as tensor cores multiply it: with 10 bits of mantissa.
struct Tf32;

#ifdef SLIPWAY_SIMULATED

template <class T>
[[gnu::no_sanitize("thread")]] inline void mma_16x8(float (&d)[4], const std::uint32_t (&a)[4],
                                                    const std::uint32_t (&b)[2],
                                                    simt::Site site = simt::Site::here()) {
  using Factors = std::conditional_t<std::is_same_v<T, Tf32>, simt::Tf32Factors, simt::PairedFactors<T>>;
  simt::WarpProduct<Factors> brought{{a[0], a[1], a[2], a[3]}, {b[0], b[1]}, {d[0], d[1], d[2], d[3]}};
  simt::collective(~0u, &brought, simt::WarpProduct<Factors>::combine, simt::Fence::no, site);
  for (int r = 0; r < 4; ++r) d[r] = brought.d[static_cast<std::size_t>(r)];
}

template <bool kTransposed>
inline void load_matrices(std::uint32_t (&registers)[4], const void* row,
                          simt::Site site = simt::Site::here()) {
  const uint4 line = *static_cast<const uint4*>(row);  // seen by the checker
  simt::MatrixLoad brought{std::bit_cast<std::array<std::uint16_t, 8>>(line), {}};
  simt::collective(~0u, &brought, simt::MatrixLoad::combine<kTransposed>, simt::Fence::no, site);
  for (int i = 0; i < 4; ++i) registers[i] = brought.result[static_cast<std::size_t>(i)];
}

inline std::uint32_t round_to_tf32(std::uint32_t bits) {
  return std::bit_cast<std::uint32_t>(simt::round_to_tf32(std::bit_cast<float>(bits)));
}

inline void copy_async_16(void* shared, const void* global, int bytes) {
  simt::start_async_copy({shared, global, bytes});
}
inline void commit_copies() { simt::commit_async_copies(); }
template <int kPending>
inline void wait_for_copies() {
  simt::AsyncCopy copy;
  while (simt::take_async_copy(kPending, copy)) {
    uint4 line{0, 0, 0, 0};
    if (copy.bytes == 16) {
      line = *static_cast<const uint4*>(copy.from);
    } else {
      auto* part = reinterpret_cast<std::uint16_t*>(&line);
      for (int i = 0; i < copy.bytes / 2; ++i) part[i] = static_cast<const std::uint16_t*>(copy.from)[i];
    }
    *static_cast<uint4*>(copy.to) = line;
  }
}

#else

/// d[16, 8] += a[16, k] b[k, 8] by one warp; k is 16 for T = __half and __nv_bfloat16, two elements a
/// register, and 8 for Tf32, one a register.
template <class T>
__device__ inline void mma_16x8(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  if constexpr (std::is_same_v<T, __half>) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, "
        "%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  } else if constexpr (std::is_same_v<T, Tf32>) {
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, "
        "%2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  } else {
    static_assert(std::is_same_v<T, __nv_bfloat16>);
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, "
        "%2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  }
}

/// Loads four matrices [8, 8] of 16-bit elements from shared memory; lane l gives the address of row l % 8 of
/// matrix l / 8, 16-byte aligned. Afterwards register i holds, of matrix i, row l / 4 (or column, if
/// transposed), elements 2 (l % 4) and the next.
template <bool kTransposed>
__device__ inline void load_matrices(std::uint32_t (&registers)[4], const void* row) {
  const auto address = static_cast<std::uint32_t>(__cvta_generic_to_shared(row));
  if constexpr (kTransposed) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
                 : "r"(address)
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
                 : "r"(address)
                 : "memory");
  }
}

/// The bits of the nearest TF32 of a float32's bits; of two that are as near, the larger in magnitude. The
/// instruction that multiplies them drops the lower 13 bits of what was not rounded.
__device__ inline std::uint32_t round_to_tf32(std::uint32_t bits) {
  std::uint32_t rounded;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "f"(__uint_as_float(bits)));
  return rounded;
}

/// Starts copying 16 bytes to shared memory, the first `bytes` from `global`, the others zero. Both 16-byte
/// aligned.
__device__ inline void copy_async_16(void* shared, const void* global, int bytes) {
  const auto address = static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(global), "r"(bytes)
               : "memory");
}
/// Closes a group of copies.
__device__ inline void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
/// Waits until at most the last `kPending` groups of this thread are still under way.
template <int kPending>
__device__ inline void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

#endif

}  // namespace slipway::cuda
