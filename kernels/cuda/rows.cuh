#pragma once

#include "kernels/cuda/block_reduce.cuh"
#include "kernels/cuda/elements.cuh"

namespace slipway::cuda {

// Kernels over rows of `width` elements side by side. A row belongs to a team, blockDim.x threads that share
// threadIdx.y; a block has one or more. A thread takes packs of neighbours, one for each team's width of
// packs.

inline constexpr int kMostTeamThreads = 512;
/// Calls body(p, column) for each of this thread's packs; p counts the kept ones. kPacks is 0 for rows that
/// are too long to be kept.
template <int kWidth, int kPacks, class Body>
__device__ inline void for_each_pack(std::int64_t width, Body body) {
  const std::int64_t first = static_cast<std::int64_t>(threadIdx.x) * kWidth;
  const std::int64_t step = static_cast<std::int64_t>(blockDim.x) * kWidth;
  if constexpr (kPacks > 0) {
#pragma unroll
    for (int p = 0; p < kPacks; ++p) {
      if (first + p * step < width) body(p, first + p * step);
    }
  } else {
    for (std::int64_t column = first; column < width; column += step) body(0, column);
  }
}

/// The packs of one row that this thread takes: from registers, or from memory where kPacks is 0.
template <class T, int kWidth, int kPacks>
class Row {
 public:
  __device__ Row(const T* data, std::int64_t width) : data_(data) {
    if constexpr (kPacks > 0) {
      for_each_pack<kWidth, kPacks>(
          width, [&](int p, std::int64_t column) { packs_[p] = load_pack<kWidth>(data + column); });
    }
  }
  __device__ Pack<T, kWidth> pack(int p, std::int64_t column) const {
    if constexpr (kPacks > 0)
      return packs_[p];
    else
      return load_pack<kWidth>(data_ + column);
  }

 private:
  const T* data_;
  Pack<T, kWidth> packs_[kPacks > 0 ? kPacks : 1];
};

/// The row of this thread's team in a loop over all rows in which whole blocks take part: past the last row,
/// a team has one of width 0.
struct RowLoop {
  std::int64_t rows, width;

  /// body(row, width)
  template <class Body>
  __device__ void for_each(Body body) const {
    const std::int64_t teams = blockDim.y;
    for (std::int64_t first = blockIdx.x * teams; first < rows; first += gridDim.x * teams) {
      const std::int64_t row = first + threadIdx.y;
      body(row, row < rows ? width : 0);
    }
  }
};

/// How rows are shared out: by their sizes alone, so that sums have the same bits on every device.
struct RowTeams {
  /// For threads that take packs of `pack_size` elements and keep up to `most_packs` of them.
  RowTeams(const RowLoop& loop, int pack_size, int most_packs) : rows(loop.rows) {
    constexpr std::int64_t kFirst = 256;  // threads of a team, before they take several packs each
    const std::int64_t packs = (loop.width + pack_size - 1) / pack_size;
    const std::int64_t wanted =
        packs <= kFirst ? packs : std::max(kFirst, (packs + most_packs - 1) / most_packs);
    threads = std::clamp<std::int64_t>((wanted + kWarpThreads - 1) / kWarpThreads * kWarpThreads,
                                       kWarpThreads, kMostTeamThreads);
    kept = packs <= threads * most_packs;
    teams = std::clamp<std::int64_t>(kFirst / threads, 1, std::max<std::int64_t>(1, rows));
  }
  std::int64_t blocks() const { return (rows + teams - 1) / teams; }
  /// Blocks of these teams, as many as there are rows for, or as asked for.
  LaunchShape shape() const { return shape(std::min<std::int64_t>(blocks(), 1 << 20)); }
  LaunchShape shape(std::int64_t grid) const {
    return {.grid = dim3(static_cast<unsigned>(grid)),
            .block = dim3(static_cast<unsigned>(threads), static_cast<unsigned>(teams)),
            .shared_bytes = shared_bytes};
  }

  std::int64_t rows;
  std::int64_t threads = 0, teams = 0;
  bool kept = false;
  int shared_packs = 0;  // of each thread, that wait in shared memory
  std::size_t shared_bytes = 0;
};

/// Calls body.template operator()<kWidth, kPacks>(teams): packs where rows start and end with them; rows kept
/// in registers, up to 16 * kMostPacks bytes a thread, where they fit. kWidth is the elements of an access.
template <class T, int kMostPacks = 4, int kWidth = kPackSize<T>, class Body>
void visit_rows(const RowLoop& loop, bool aligned, Body&& body) {
  if (aligned && loop.width % kWidth == 0) {
    // Threads take as many bytes each, whatever they ask for at once.
    const RowTeams teams(loop, kPackSize<T>, kMostPacks);
    if (teams.kept)
      body.template operator()<kWidth, kMostPacks * kPackSize<T> / kWidth>(teams);
    else
      body.template operator()<kWidth, 0>(teams);
  } else {
    constexpr int kMostElements = std::min(8, kMostPacks * kPackSize<T>);
    const RowTeams teams(loop, 1, kMostElements);
    if (teams.kept)
      body.template operator()<1, kMostElements>(teams);
    else
      body.template operator()<1, 0>(teams);
  }
}

}  // namespace slipway::cuda
