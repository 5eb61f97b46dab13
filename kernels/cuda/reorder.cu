#include "kernels/reorder.h"

#include "kernels/cuda/divisor.cuh"
#include "kernels/cuda/elements.cuh"

namespace slipway::cuda {
namespace {

/// The loops of a CopyPlan, innermost first.
struct Loops {
  explicit Loops(const CopyPlan& plan) : rank(static_cast<int>(plan.axes.size())) {
    for (int i = 0; i < rank; ++i) {
      const CopyPlan::Axis& axis = plan.axes[plan.axes.size() - 1 - static_cast<std::size_t>(i)];
      require(axis.from_offsets.empty() && axis.to_offsets.empty(), "reorder: a GPU has no blocked layouts");
      sizes[i] = axis.size;
      from_strides[i] = axis.from_stride;
      to_strides[i] = axis.to_stride;
    }
    set_divisors();
  }
  void set_divisors() {
    for (int i = 0; i < rank; ++i) divisors[i] = Divisor(std::max<std::int64_t>(1, sizes[i]));
  }
  std::int64_t elements() const { return elements_from(0); }
  /// Of the loops from the `first` on.
  std::int64_t elements_from(int first) const {
    std::int64_t product = 1;
    for (int i = first; i < rank; ++i) product *= sizes[i];
    return product;
  }
  /// Adds up where the i-th element of the loops from `kFirst` on lies.
  template <int kFirst>
  __device__ void locate(std::int64_t i, std::int64_t& from, std::int64_t& to) const {
#pragma unroll
    for (int axis = kFirst; axis < kMaxAxes; ++axis) {
      if (axis >= rank) break;
      const std::int64_t rest = axis + 1 < rank ? divisors[axis].quotient(i) : 0;
      const std::int64_t index = divisors[axis].remainder(i, rest);
      from += index * from_strides[axis];
      to += index * to_strides[axis];
      i = rest;
    }
  }

  static constexpr int kMaxAxes = kMaxRank;
  int rank;
  std::int64_t sizes[kMaxAxes] = {};
  std::int64_t from_strides[kMaxAxes] = {};
  std::int64_t to_strides[kMaxAxes] = {};
  Divisor divisors[kMaxAxes];
};

/// A thread a word, along the destination.
template <class Word>
__global__ void __launch_bounds__(kBlockThreads)
    copy_words(const Loops loops, const std::int64_t count, const Word* from, Word* to) {
  for (std::int64_t i = grid_thread(); i < count; i += grid_threads()) {
    std::int64_t source = 0, target = 0;
    loops.locate<0>(i, source, target);
    to[target] = from[source];
  }
}

constexpr int kTile = 32, kTileRows = 8;

/// The innermost loop runs along the destination, the next along the source: both are walked in their own
/// direction, through a tile in shared memory.
template <class Word>
__global__ void __launch_bounds__(kTile* kTileRows)
    transpose_tiles(const Loops loops, const Divisor by_inner_tiles, const Divisor by_outer_tiles,
                    const std::int64_t tiles, const Word* from, Word* to) {
  // A row is as long as an odd number of banks, so that a column lies in as many banks as it has words.
  constexpr int kPadding = sizeof(Word) < 4 ? 4 / static_cast<int>(sizeof(Word)) : 1;
  __shared__ Word tile[kTile][kTile + kPadding];
  for (std::int64_t item = blockIdx.x; item < tiles; item += gridDim.x) {
    const std::int64_t line = by_inner_tiles.quotient(item), rest = by_outer_tiles.quotient(line);
    const std::int64_t inner = by_inner_tiles.remainder(item, line) * kTile;
    const std::int64_t outer = by_outer_tiles.remainder(line, rest) * kTile;
    std::int64_t source = 0, target = 0;
    loops.locate<2>(rest, source, target);
    for (int i = static_cast<int>(threadIdx.y); i < kTile; i += kTileRows) {
      const std::int64_t a = inner + i, b = outer + threadIdx.x;
      if (a < loops.sizes[0] && b < loops.sizes[1]) {
        tile[i][threadIdx.x] = from[source + a * loops.from_strides[0] + b * loops.from_strides[1]];
      }
    }
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.y); i < kTile; i += kTileRows) {
      const std::int64_t a = inner + threadIdx.x, b = outer + i;
      if (a < loops.sizes[0] && b < loops.sizes[1]) {
        to[target + a * loops.to_strides[0] + b * loops.to_strides[1]] = tile[threadIdx.x][i];
      }
    }
    __syncthreads();
  }
}

template <class Word>
void copy(const Stream& stream, const Loops& loops, const void* from, void* to) {
  const Word* source = static_cast<const Word*>(from);
  Word* target = static_cast<Word*>(to);
  if (loops.to_strides[0] == 1 && loops.from_strides[0] != 1 && loops.from_strides[1] == 1 &&
      loops.sizes[0] > 1) {
    const std::int64_t inner = (loops.sizes[0] + kTile - 1) / kTile,
                       outer = (loops.sizes[1] + kTile - 1) / kTile;
    const std::int64_t tiles = inner * outer * loops.elements_from(2);
    return launch(stream, block_shape(tiles, dim3(kTile, kTileRows)), transpose_tiles<Word>, loops,
                  Divisor(inner), Divisor(outer), tiles, source, target);
  }
  launch(stream, elementwise_shape(stream, loops.elements()), copy_words<Word>, loops, loops.elements(),
         source, target);
}

/// The widest word of `bytes` or more in which all can be copied: where the innermost loop is contiguous,
/// several elements become one.
std::size_t widen(Loops& loops, std::size_t bytes, const void* from, const void* to) {
  if (loops.from_strides[0] != 1 || loops.to_strides[0] != 1) return bytes;
  const auto fits = [&](std::int64_t factor) {
    const std::size_t word = bytes * static_cast<std::size_t>(factor);
    if (loops.sizes[0] % factor != 0 || reinterpret_cast<std::uintptr_t>(from) % word != 0 ||
        reinterpret_cast<std::uintptr_t>(to) % word != 0) {
      return false;
    }
    for (int i = 1; i < loops.rank; ++i) {
      if (loops.from_strides[i] % factor != 0 || loops.to_strides[i] % factor != 0) return false;
    }
    return true;
  };
  std::int64_t factor = 16 / static_cast<std::int64_t>(bytes);
  while (!fits(factor)) factor /= 2;
  loops.sizes[0] /= factor;
  for (int i = 1; i < loops.rank; ++i) {
    loops.from_strides[i] /= factor;
    loops.to_strides[i] /= factor;
  }
  loops.set_divisors();
  return bytes * static_cast<std::size_t>(factor);
}

void run(const Stream& stream, const ReorderArgs& args) {
  Loops loops(*args.plan);
  require(args.plan->padded_bytes == 0, "reorder: a GPU has no padded layouts");
  if (loops.elements() == 0) return;
  switch (widen(loops, args.plan->element_bytes, args.from, args.to)) {
    case 1:
      return copy<std::uint8_t>(stream, loops, args.from, args.to);
    case 2:
      return copy<std::uint16_t>(stream, loops, args.from, args.to);
    case 4:
      return copy<std::uint32_t>(stream, loops, args.from, args.to);
    case 8:
      return copy<std::uint64_t>(stream, loops, args.from, args.to);
    case 16:
      return copy<Pack<std::uint32_t, 4>>(stream, loops, args.from, args.to);
    default:
      throw Error(text("reorder: elements of ", args.plan->element_bytes, " bytes"));
  }
}

const KernelRegistrar<ReorderArgs> kReorder(reorder, DeviceKind::cuda, run);

}  // namespace
}  // namespace slipway::cuda
