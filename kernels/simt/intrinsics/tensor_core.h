#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "kernels/simt/async_copies.h"
#include "kernels/simt/intrinsics/collective.h"

/// Twins of the tensor-core instructions of kernels/cuda/tensor_core.cuh. Which lane holds what follows the
/// PTX ISA 8.7: 9.7.14.5.8 (matrix fragments for mma.m16n8k16), 9.7.14.5.7 (for mma.m16n8k8, TF32) and
/// 9.7.14.5.15 (ldmatrix).

namespace slipway::simt {

/// Factors of 16 bits, a pair in a register.
template <class T>
struct PairedFactors {
  static constexpr int kInRegister = 2;
  static float element(std::uint32_t bits, int index) {
    return static_cast<float>(std::bit_cast<std::array<T, 2>>(bits)[static_cast<std::size_t>(index)]);
  }
};

/// A float32 in a register, of whose mantissa the lower 13 bits are not looked at.
struct Tf32Factors {
  static constexpr int kInRegister = 1;
  static float element(std::uint32_t bits, int) { return std::bit_cast<float>(bits & ~0x1fffu); }
};

/// d[16, 8] += a[16, k] b[k, 8]; k is 16 for paired factors, 8 for TF32.
template <class Factors>
struct WarpProduct {
  static constexpr int kInRegister = Factors::kInRegister, kHalf = 4 * kInRegister;  // of k

  std::array<std::uint32_t, 4> a;
  std::array<std::uint32_t, 2> b;
  std::array<float, 4> d;

  static void combine(const WarpCall& call) {
    if (call.active != ~0u) {
      report({.kind = "incomplete warp", .message = "mma needs all 32 lanes", .site = call.site});
      return;
    }
    float left[16][2 * kHalf], right[2 * kHalf][8];
    for (int lane = 0; lane < kWarpSize; ++lane) {
      const auto& mine = *static_cast<const WarpProduct*>(call.lanes[static_cast<std::size_t>(lane)]);
      const int group = lane / 4, first = lane % 4 * kInRegister;
      for (int e = 0; e < kInRegister; ++e) {
        for (int r = 0; r < 4; ++r) {
          left[group + r % 2 * 8][first + e + r / 2 * kHalf] =
              Factors::element(mine.a[static_cast<std::size_t>(r)], e);
        }
        for (int r = 0; r < 2; ++r)
          right[first + e + r * kHalf][group] = Factors::element(mine.b[static_cast<std::size_t>(r)], e);
      }
    }
    for (int lane = 0; lane < kWarpSize; ++lane) {
      auto& mine = *static_cast<WarpProduct*>(call.lanes[static_cast<std::size_t>(lane)]);
      for (int r = 0; r < 4; ++r) {
        const int row = lane / 4 + r / 2 * 8, column = lane % 4 * 2 + r % 2;
        float sum = mine.d[static_cast<std::size_t>(r)];
        for (int k = 0; k < 2 * kHalf; ++k) sum += left[row][k] * right[k][column];
        mine.d[static_cast<std::size_t>(r)] = sum;
      }
    }
  }
};

/// Four matrices [8, 8] of 16-bit elements: lane l names row l % 8 of matrix l / 8, and receives, of each
/// matrix, the elements 2 (l % 4) and the next of row l / 4, or of column l / 4.
struct MatrixLoad {
  std::array<std::uint16_t, 8> row;
  std::array<std::uint32_t, 4> result;

  template <bool kTransposed>
  static void combine(const WarpCall& call) {
    if (call.active != ~0u) {
      report({.kind = "incomplete warp", .message = "ldmatrix needs all 32 lanes", .site = call.site});
      return;
    }
    const auto element = [&](int matrix, int row, int column) {
      const auto owner = static_cast<std::size_t>(matrix * 8 + row);
      return static_cast<const MatrixLoad*>(call.lanes[owner])->row[static_cast<std::size_t>(column)];
    };
    for (int lane = 0; lane < kWarpSize; ++lane) {
      auto& mine = *static_cast<MatrixLoad*>(call.lanes[static_cast<std::size_t>(lane)]);
      for (int matrix = 0; matrix < 4; ++matrix) {
        const int line = lane / 4, pair = lane % 4 * 2;
        const std::uint32_t low = kTransposed ? element(matrix, pair, line) : element(matrix, line, pair);
        const std::uint32_t high =
            kTransposed ? element(matrix, pair + 1, line) : element(matrix, line, pair + 1);
        mine.result[static_cast<std::size_t>(matrix)] = low | high << 16;
      }
    }
  }
};

}  // namespace slipway::simt
