#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "kernels/simt/intrinsics/collective.h"

/// Twins of the tensor-core instructions of kernels/cuda/tensor_core.cuh. Which lane holds what follows the
/// PTX ISA 8.7: 9.7.14.5.8 (matrix fragments for mma.m16n8k16) and 9.7.14.5.15 (ldmatrix).

namespace slipway::simt {

/// The pair of 16-bit elements in a register.
template <class T>
std::array<T, 2> unpacked(std::uint32_t pair) {
  return std::bit_cast<std::array<T, 2>>(pair);
}

/// d[16, 8] += a[16, 16] b[16, 8]
template <class T>
struct WarpProduct {
  std::array<std::uint32_t, 4> a;
  std::array<std::uint32_t, 2> b;
  std::array<float, 4> d;

  static void combine(const WarpCall& call) {
    if (call.active != ~0u) {
      report({.kind = "incomplete warp", .message = "mma needs all 32 lanes", .site = call.site});
      return;
    }
    float left[16][16], right[16][8];
    for (int lane = 0; lane < kWarpSize; ++lane) {
      const auto& mine = *static_cast<const WarpProduct*>(call.lanes[static_cast<std::size_t>(lane)]);
      const int group = lane / 4, pair = lane % 4 * 2;
      for (int r = 0; r < 4; ++r) {
        const auto elements = unpacked<T>(mine.a[static_cast<std::size_t>(r)]);
        for (int e = 0; e < 2; ++e) {
          left[group + r % 2 * 8][pair + e + r / 2 * 8] =
              static_cast<float>(elements[static_cast<std::size_t>(e)]);
        }
      }
      for (int r = 0; r < 2; ++r) {
        const auto elements = unpacked<T>(mine.b[static_cast<std::size_t>(r)]);
        for (int e = 0; e < 2; ++e) {
          right[pair + e + r * 8][group] = static_cast<float>(elements[static_cast<std::size_t>(e)]);
        }
      }
    }
    for (int lane = 0; lane < kWarpSize; ++lane) {
      auto& mine = *static_cast<WarpProduct*>(call.lanes[static_cast<std::size_t>(lane)]);
      for (int r = 0; r < 4; ++r) {
        const int row = lane / 4 + r / 2 * 8, column = lane % 4 * 2 + r % 2;
        float sum = mine.d[static_cast<std::size_t>(r)];
        for (int k = 0; k < 16; ++k) sum += left[row][k] * right[k][column];
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

/// The asynchronous copies of one thread that it has not waited for. A copy is performed at its wait, so that
/// a missing wait shows.
class AsyncCopies {
 public:
  static constexpr int kMost = 64;

  /// Those of the current thread; a thread that begins finds none.
  static AsyncCopies& current_thread() {
    static thread_local std::array<AsyncCopies, kMaxThreads> all;
    AsyncCopies& mine = all[current.thread->linear];
    if (mine.launch_ != current.block->launch || mine.block_ != current.block->linear) {
      mine = AsyncCopies();
      mine.launch_ = current.block->launch;
      mine.block_ = current.block->linear;
    }
    return mine;
  }

  struct Copy {
    void* to;
    const void* from;
    int bytes;
    int group;
  };
  void add(const Copy& copy) {
    if (count_ == kMost) throw Error("more than 64 asynchronous copies of one thread are under way");
    copies_[static_cast<std::size_t>(count_++)] = {copy.to, copy.from, copy.bytes, groups_};
  }
  void commit() { ++groups_; }
  /// Hands out the oldest copy that belongs to none of the last `pending` groups; false if there is none.
  bool take(int pending, Copy& copy) {
    if (first_ == count_ || copies_[static_cast<std::size_t>(first_)].group >= groups_ - pending) {
      if (first_ == count_) first_ = count_ = 0;
      return false;
    }
    copy = copies_[static_cast<std::size_t>(first_++)];
    if (first_ > kMost / 2) compact();
    return true;
  }

 private:
  void compact() {
    std::copy(copies_.begin() + first_, copies_.begin() + count_, copies_.begin());
    count_ -= first_;
    first_ = 0;
  }

  std::array<Copy, kMost> copies_;
  int first_ = 0, count_ = 0, groups_ = 0;
  std::uint64_t launch_ = 0;
  std::uint32_t block_ = 0;
};

}  // namespace slipway::simt
