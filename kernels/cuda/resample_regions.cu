#include "kernels/cuda/resample_regions.h"

#include "kernels/cuda/block_reduce.cuh"
#include "kernels/cuda/divisor.cuh"
#include "kernels/cuda/elements.cuh"

namespace slipway::cuda {
namespace {

/// Taps along one axis, of every output of every sample.
struct AxisTaps {
  std::int32_t* first;   // [samples, outputs]
  std::int32_t* count;   // [samples, outputs]
  float* weights;        // [samples, most, outputs]; none of the count from there on
  std::int64_t outputs;  // of the axis
  std::int64_t most;

  __device__ std::int64_t place(std::int64_t sample, std::int64_t output) const {
    return sample * outputs + output;
  }
  __device__ float& weight(std::int64_t sample, std::int64_t tap, std::int64_t output) const {
    return weights[(sample * most + tap) * outputs + output];
  }
};

enum class Axis { rows, columns };

/// A thread an output.
template <Axis kAxis>
__global__ void __launch_bounds__(kBlockThreads)
    find_taps(const AxisTaps axis, const Divisor by_outputs, const std::int64_t count,
              const ImageRegion* regions, const std::int64_t stride) {
  for (std::int64_t i = grid_thread(); i < count; i += grid_threads()) {
    const std::int64_t sample = by_outputs.quotient(i), output = by_outputs.remainder(i, sample);
    const ImageRegion& region = regions[sample * stride];
    const TriangleFilter filter(kAxis == Axis::rows ? region.height : region.width, axis.outputs);
    const TriangleFilter::Taps taps = filter.taps(output);
    double total = 0;
    for (std::int64_t k = taps.first; k < taps.last; ++k) total += taps.weight(k);
    axis.first[i] = static_cast<std::int32_t>(taps.first);
    axis.count[i] = static_cast<std::int32_t>(taps.last - taps.first);
    for (std::int64_t k = 0; k < axis.most; ++k)
      axis.weight(sample, k, output) = static_cast<float>(taps.weight(taps.first + k) / total);
  }
}

// A block makes a tile of a plane of the result. Of the rows of the image that it needs it takes kSourceRows
// at a time, or fewer: to shared memory, in their new width to shared memory again, and adds them up.
constexpr int kWarps = kBlockThreads / kWarpThreads;
constexpr int kTileRows = 2 * kWarps, kTileColumns = 4 * kWarpThreads;
constexpr int kSourceRows = 4 * kWarps;
constexpr int kStagedBytes = 8 << 10;

/// Rows or columns from `first` on.
struct Span {
  std::int64_t first;
  int count;
};

/// A tile of the result, before that is mirrored.
struct Tile {
  std::int64_t plane, sample;
  Span rows, columns;
};

/// What all blocks know.
struct Resampling {
  std::int64_t height, width;  // of x
  std::int64_t result_height, result_width;
  const ImageRegion* regions;
  std::int64_t stride;
  std::int64_t pixels;  // of x, all of them
  AxisTaps rows, columns;
  Divisor by_channels, by_tiles, by_tile_columns;  // planes of a sample; tiles of a plane, of its width

  /// The channels of a tile follow each other: they have the same taps.
  __device__ Tile tile(std::int64_t index) const {
    const std::int64_t of_samples = by_channels.quotient(index), sample = by_tiles.quotient(of_samples);
    const std::int64_t of_plane = by_tiles.remainder(of_samples, sample);
    const std::int64_t y = by_tile_columns.quotient(of_plane), x = by_tile_columns.remainder(of_plane, y);
    return {.plane = sample * by_channels.divisor() + by_channels.remainder(index, of_samples),
            .sample = sample,
            .rows = part(y * kTileRows, kTileRows, result_height),
            .columns = part(x * kTileColumns, kTileColumns, result_width)};
  }
  /// Where a pixel of the result goes, after it is mirrored.
  __device__ std::int64_t place(const Tile& tile, const ImageRegion& region, int row, int column) const {
    const std::int64_t y = tile.rows.first + row, x = tile.columns.first + column;
    return (tile.plane * result_height + (region.mirrored_vertically ? result_height - 1 - y : y)) *
               result_width +
           (region.mirrored_horizontally ? result_width - 1 - x : x);
  }

 private:
  static __device__ Span part(std::int64_t first, int most, std::int64_t all) {
    return {first, all - first < most ? static_cast<int>(all - first) : most};
  }
};

/// The inputs of a run of outputs.
__device__ inline Span inputs_of(const AxisTaps& axis, std::int64_t sample, const Span& outputs) {
  const std::int64_t first = axis.place(sample, outputs.first), last = first + outputs.count - 1;
  return {axis.first[first], axis.first[last] + axis.count[last] - axis.first[first]};
}

/// The part of the image that a tile is made of. Packs lie at multiples of their size in memory, wherever x
/// and its rows begin.
template <class T>
struct Source {
  static constexpr int kWidth = kPackSize<T>;

  const T* x;
  std::int64_t pixels;  // of x
  std::int64_t skew;    // pixels between a place for a pack and x
  std::int64_t first;   // pixel of x
  std::int64_t width;   // pixels from row to row
  int columns;

  __device__ Source(const Resampling& work, const Tile& tile, const ImageRegion& region, std::int64_t row,
                    const Span& taken, const T* image)
      : x(image),
        pixels(work.pixels),
        skew(static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(image) % sizeof(Pack<T, kWidth>) /
                                       sizeof(T))),
        first((tile.plane * work.height + region.top + row) * work.width + region.left + taken.first),
        width(work.width),
        columns(taken.count) {}

  __device__ const T* row(int index) const { return x + first + index * width; }
  /// Packs of a row, wherever it begins.
  __device__ int packs() const { return (columns + 2 * (kWidth - 1)) / kWidth; }
  __device__ int offset_in_pack(int index) const {
    return static_cast<int>((first + index * width + skew) % kWidth);
  }
  /// Takes rows to `staged`, packs() each.
  __device__ void stage(int rows, Pack<T, kWidth>* staged) const {
    const int packs = this->packs();
    for (int i = static_cast<int>(threadIdx.x); i < rows * packs; i += kBlockThreads) {
      const int row = i / packs, offset = offset_in_pack(row), column = (i - row * packs) * kWidth - offset;
      if (column < columns) staged[i] = pack_at(first + row * width + column);
    }
  }

 private:
  /// Zero beyond x.
  __device__ Pack<T, kWidth> pack_at(std::int64_t pixel) const {
    if (pixel >= 0 && pixel + kWidth <= pixels) return load_pack<kWidth>(x + pixel);
    Pack<T, kWidth> pack;
#pragma unroll
    for (int k = 0; k < kWidth; ++k)
      pack.values[k] = pixel + k >= 0 && pixel + k < pixels ? x[pixel + k] : T(0);
    return pack;
  }
};

/// Brings rows to the width of the tile: each warp every kWarps-th, whose pixels begin at row_of(row). A
/// product is rounded before it is added, as in PlaneResampler compiled for a CPU of today: of uint8, a mean
/// that lies in the middle between two bytes would tell.
template <class RowOf>
__device__ inline void narrow_rows(const AxisTaps& axis, const Tile& tile, std::int64_t first_input, int rows,
                                   const RowOf& row_of, float (&narrow)[kSourceRows][kTileColumns]) {
  constexpr int kOfWarp = kSourceRows / kWarps;
  const int warp = static_cast<int>(threadIdx.x) / kWarpThreads,
            lane = static_cast<int>(threadIdx.x) % kWarpThreads;
  for (int base = 0; base < tile.columns.count; base += kWarpThreads) {
    const bool is_column = base + lane < tile.columns.count;
    const int column = is_column ? base + lane : tile.columns.count - 1;
    const std::int64_t output = tile.columns.first + column, place = axis.place(tile.sample, output);
    const int first = static_cast<int>(axis.first[place] - first_input), count = axis.count[place];
    const int most = warp_reduce(count, Largest());  // all lanes read weights, side by side
    float sums[kOfWarp] = {};
    for (int k = 0; k < most; ++k) {
      const float weight = axis.weight(tile.sample, k, output);
#pragma unroll
      for (int i = 0; i < kOfWarp; ++i) {
        const int row = warp + i * kWarps;
        if (row < rows && k < count)
          sums[i] = __fadd_rn(sums[i], __fmul_rn(weight, static_cast<float>(row_of(row)[first + k])));
      }
    }
#pragma unroll
    for (int i = 0; i < kOfWarp; ++i) {
      const int row = warp + i * kWarps;
      if (row < rows && is_column) narrow[row][column] = sums[i];
    }
  }
}

/// A thread's pixels of a tile: of every kWarps-th row every kWarpThreads-th.
struct TileSums {
  static constexpr int kRows = kTileRows / kWarps, kColumns = kTileColumns / kWarpThreads;
  float sums[kRows][kColumns] = {};

  /// body(row, column, sum)
  template <class Body>
  __device__ void for_each(const Tile& tile, Body body) {
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      const int row = warp() + i * kWarps;
      if (row < tile.rows.count) for_each_of_row(tile, i, [&](int c, float& sum) { body(row, c, sum); });
    }
  }
  /// Adds the narrow rows of these inputs.
  __device__ void add(const AxisTaps& axis, const Tile& tile, const Span& inputs,
                      const float (&narrow)[kSourceRows][kTileColumns]) {
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      const int row = warp() + i * kWarps;
      if (row >= tile.rows.count) continue;
      const std::int64_t output = tile.rows.first + row, place = axis.place(tile.sample, output);
      const std::int64_t first = axis.first[place] - inputs.first;  // of the output, from that of these on
      const auto begin = static_cast<int>(first > 0 ? first : 0);
      const std::int64_t last = first + axis.count[place];
      for (int input = begin; input < last && input < inputs.count; ++input) {
        const float weight = axis.weight(tile.sample, input - first, output);
        for_each_of_row(tile, i,
                        [&](int column, float& sum) { sum = fmaf(weight, narrow[input][column], sum); });
      }
    }
  }

 private:
  static __device__ int warp() { return static_cast<int>(threadIdx.x) / kWarpThreads; }
  template <class Body>
  __device__ void for_each_of_row(const Tile& tile, int i, Body body) {
#pragma unroll
    for (int k = 0; k < kColumns; ++k) {
      const int column = static_cast<int>(threadIdx.x) % kWarpThreads + k * kWarpThreads;
      if (column < tile.columns.count) body(column, sums[i][k]);
    }
  }
};

template <class T>
__device__ inline T to_pixel(float value) {
  if constexpr (std::is_same_v<T, float>)
    return value;
  else
    return static_cast<T>(fminf(fmaxf(value + 0.5f, 0.0f), 255.0f));
}

/// A block a tile, summed in the order of PlaneResampler.
template <class T>
__global__ void __launch_bounds__(kBlockThreads, 4)
    resample_tiles(const Resampling work, const std::int64_t tiles, const T* x, T* y) {
  constexpr int kWidth = kPackSize<T>, kStagedPacks = kStagedBytes / static_cast<int>(sizeof(T)) / kWidth;
  __shared__ Pack<T, kWidth> staged[kStagedPacks];
  __shared__ float narrow[kSourceRows][kTileColumns];
  for (std::int64_t i = blockIdx.x; i < tiles; i += gridDim.x) {
    const Tile tile = work.tile(i);
    const ImageRegion region = work.regions[tile.sample * work.stride];
    TileSums result;
    if (region.height == work.result_height && region.width == work.result_width) {
      const Source<T> source(work, tile, region, tile.rows.first, tile.columns, x);
      result.for_each(tile, [&](int row, int column, float) {
        y[work.place(tile, region, row, column)] = source.row(row)[column];
      });
      continue;
    }
    const Span rows = inputs_of(work.rows, tile.sample, tile.rows),
               columns = inputs_of(work.columns, tile.sample, tile.columns);
    const Source<T> all(work, tile, region, rows.first, columns, x);
    const int packs = all.packs();
    const bool is_staged = packs <= kStagedPacks;  // else a row is too long
    const int at_once = is_staged && kStagedPacks / packs < kSourceRows ? kStagedPacks / packs : kSourceRows;
    for (int done = 0; done < rows.count; done += at_once) {
      const Span taken{rows.first + done, rows.count - done < at_once ? rows.count - done : at_once};
      const Source<T> source(work, tile, region, taken.first, columns, x);
      if (is_staged) source.stage(taken.count, staged);
      __syncthreads();
      if (is_staged) {
        const auto staged_row = [&](int row) {
          return reinterpret_cast<const T*>(staged + row * packs) + source.offset_in_pack(row);
        };
        narrow_rows(work.columns, tile, columns.first, taken.count, staged_row, narrow);
      } else {
        narrow_rows(
            work.columns, tile, columns.first, taken.count, [&](int row) { return source.row(row); }, narrow);
      }
      __syncthreads();
      result.add(work.rows, tile, taken, narrow);
    }
    result.for_each(tile, [&](int row, int column, float sum) {
      y[work.place(tile, region, row, column)] = to_pixel<T>(sum);
    });
  }
}

/// Takes the scratch of one axis off the rest.
AxisTaps claim_taps(std::int32_t*& scratch, std::int64_t samples, std::int64_t outputs, std::int64_t most) {
  AxisTaps axis{.first = scratch, .count = scratch + samples * outputs, .outputs = outputs, .most = most};
  scratch = axis.count + samples * outputs;
  axis.weights = reinterpret_cast<float*>(scratch);
  scratch += samples * outputs * most;
  return axis;
}

template <Axis kAxis>
void enqueue_taps(const Stream& stream, const TakeRegionsArgs& args, const AxisTaps& axis) {
  const std::int64_t count = args.samples * axis.outputs;
  launch(stream, elementwise_shape(stream, count), find_taps<kAxis>, axis, Divisor(axis.outputs), count,
         args.regions, args.stride);
}

template <class T>
void enqueue_tiles(const Stream& stream, const TakeRegionsArgs& args, const AxisTaps& rows,
                   const AxisTaps& columns) {
  const std::int64_t planes = args.samples * args.channels;
  const std::int64_t tile_columns = (args.result_width + kTileColumns - 1) / kTileColumns;
  const std::int64_t tiles = (args.result_height + kTileRows - 1) / kTileRows * tile_columns;
  const Resampling work{.height = args.height,
                        .width = args.width,
                        .result_height = args.result_height,
                        .result_width = args.result_width,
                        .regions = args.regions,
                        .stride = args.stride,
                        .pixels = planes * args.height * args.width,
                        .rows = rows,
                        .columns = columns,
                        .by_channels = Divisor(args.channels),
                        .by_tiles = Divisor(tiles),
                        .by_tile_columns = Divisor(tile_columns)};
  launch(stream, block_shape(planes * tiles, dim3(kBlockThreads)), resample_tiles<T>, work, planes * tiles,
         static_cast<const T*>(args.x), static_cast<T*>(args.y));
}

}  // namespace

void resample_regions(const Stream& stream, const TakeRegionsArgs& args) {
  std::int32_t* scratch = args.scratch;
  const AxisTaps rows = claim_taps(scratch, args.samples, args.result_height, args.row_taps());
  const AxisTaps columns = claim_taps(scratch, args.samples, args.result_width, args.column_taps());
  enqueue_taps<Axis::rows>(stream, args, rows);
  enqueue_taps<Axis::columns>(stream, args, columns);
  if (args.dtype == DType::uint8)
    enqueue_tiles<std::uint8_t>(stream, args, rows, columns);
  else
    enqueue_tiles<float>(stream, args, rows, columns);
}

}  // namespace slipway::cuda
