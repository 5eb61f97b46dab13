#pragma once

#include "kernels/cuda/rows.cuh"
#include "kernels/cuda/tensor_core.cuh"

namespace slipway::cuda {

// Rows that a kernel goes over twice, first to reduce them, and reads once. Short ones stay in registers. Of
// a longer one the first packs of each thread do, the next ones wait in shared memory, and only what is
// beyond both is read again: of 50304 float32, 200 KB, a fiftieth on compute capability 8.0, nothing on 9.0.
// One block is all that is left there, but it asks for its whole row before it waits for any of it, and to
// read and write a row once, 28 us of a multiprocessor's share of an A100's memory, hides the microsecond or
// two in which the block only computes; reading it again would take another 14.

/// Threads of a block that holds long rows (kPacks = 0), at most: more than 512 leave double too few
/// registers.
template <class T, int kPacks>
inline constexpr int kMostHoldingThreads = kPacks > 0 || sizeof(T) == 8 ? kMostTeamThreads : 1024;

/// Blocks that registers must do for: left to itself, ptxas spills them to fit more of those that hold long
/// rows, or double. 0: as it likes.
template <class T, int kPacks>
inline constexpr int kHoldingBlocks = kPacks > 0 && sizeof(T) < 8 ? 0 : 1;

/// Packs of a long row that a thread which holds kRows of them at once keeps in registers.
template <int kWidth, int kRows>
inline constexpr int kRegisterPacks = (kWidth == 1 ? 6 : 2) / kRows;

/// Where a thread finds one of its packs.
struct InRegister {
  int index;  // known when it is compiled
};
struct InShared {
  int slot;
};
struct InMemory {};

/// A row's part of the dynamic shared memory: `packs` of each thread, behind that of the rows before it.
struct SharedPart {
  int packs;
  int row = 0;
};

/// One of kRows rows that a block holds at once; kPacks is 0 for those that are too long for registers. All
/// threads of a block construct theirs together.
template <class T, int kWidth, int kPacks, int kRows = 1>
class HeldRow {
  static constexpr bool kLong = kPacks == 0;
  static constexpr int kRegisters = kLong ? kRegisterPacks<kWidth, kRows> : kPacks;

 public:
  __device__ HeldRow(const T* data, std::int64_t width, SharedPart part) : data_(data), width_(width) {
    for_each_pack<kWidth, kRegisters>(
        width, [&](int p, std::int64_t column) { packs_[p] = load_pack<kWidth>(data + column); });
    if constexpr (kLong) {
      shared_packs_ = part.packs;
      shared_ = dynamic_shared<T>() + (part.row * part.packs * blockDim.x + threadIdx.x) * kWidth;
      __syncthreads();  // a copy must not overtake what is still read of the row before
      visit_shared([&](InShared at, std::int64_t column) {
        if constexpr (sizeof(Pack<T, kWidth>) == 16)
          copy_async_16(place(at), data + column, 16);
        else
          store_pack(place(at), load_pack<kWidth>(data + column));
      });
      commit_copies();
      wait_for_copies<0>();
    }
  }

  /// Calls body(place, column) for each of this thread's packs.
  template <class Body>
  __device__ void visit(Body body) const {
    for_each_pack<kWidth, kRegisters>(width_,
                                      [&](int p, std::int64_t column) { body(InRegister{p}, column); });
    if constexpr (kLong) {
      for (std::int64_t column = visit_shared(body); column < width_; column += step())
        body(InMemory{}, column);
    }
  }
  __device__ Pack<T, kWidth> pack(InRegister at, std::int64_t) const { return packs_[at.index]; }
  __device__ Pack<T, kWidth> pack(InShared at, std::int64_t) const { return load_pack<kWidth>(place(at)); }
  __device__ Pack<T, kWidth> pack(InMemory, std::int64_t column) const {
    return load_pack<kWidth>(data_ + column);
  }

 private:
  __device__ static std::int64_t step() { return std::int64_t{blockDim.x} * kWidth; }
  // Neighbours' packs lie side by side: no bank is asked twice.
  __device__ T* place(InShared at) const { return shared_ + at.slot * blockDim.x * kWidth; }
  /// Returns the first column that has no place there.
  template <class Body>
  __device__ std::int64_t visit_shared(Body body) const {
    std::int64_t column = kRegisters * step() + std::int64_t{threadIdx.x} * kWidth;
    for (int slot = 0; slot < shared_packs_ && column < width_; ++slot, column += step())
      body(InShared{slot}, column);
    return column;
  }

  const T* data_;
  std::int64_t width_;
  int shared_packs_ = 0;
  T* shared_ = nullptr;
  Pack<T, kWidth> packs_[kRegisters];
};

/// Has teams hold kRows long rows at once. Threads still follow from the sizes alone; what shared memory the
/// device has decides only what is read again.
template <class T, int kWidth, int kRows>
void hold_long_rows(const Stream& stream, std::int64_t width, RowTeams& teams) {
  // Two blocks of 512 threads share the 164 KiB of compute capability 8.0, each with 16 KiB in registers.
  constexpr std::int64_t kMostOfTwo = std::int64_t{96} << 10;
  constexpr std::int64_t kOwnBytes = 2 << 10;  // more than the kernels have besides
  constexpr std::int64_t kPackBytes = sizeof(T) * kWidth;
  teams.threads = kRows * width * static_cast<std::int64_t>(sizeof(T)) <= kMostOfTwo
                      ? kMostTeamThreads
                      : kMostHoldingThreads<T, 0>;
  const std::int64_t slot_bytes = teams.threads * kPackBytes * kRows, columns = teams.threads * kWidth;
  const std::int64_t needed = (width + columns - 1) / columns - kRegisterPacks<kWidth, kRows>;
  const std::int64_t room = device_attribute(stream, cudaDevAttrMaxSharedMemoryPerBlockOptin) - kOwnBytes;
  teams.shared_packs = static_cast<int>(std::clamp<std::int64_t>(needed, 0, room / slot_bytes));
  teams.shared_bytes = static_cast<std::size_t>(teams.shared_packs * slot_bytes);
}

/// Like visit_rows, for kernels that hold kRows rows at once. Kernels of long rows get teams.shared_packs.
template <class T, int kRows = 1, class Body>
void visit_held_rows(const Stream& stream, const RowLoop& loop, bool aligned, Body&& body) {
  visit_rows<T>(loop, aligned, [&]<int kWidth, int kPacks>(RowTeams teams) {
    if constexpr (kPacks == 0) hold_long_rows<T, kWidth, kRows>(stream, loop.width, teams);
    body.template operator()<kWidth, kPacks>(teams);
  });
}

}  // namespace slipway::cuda
