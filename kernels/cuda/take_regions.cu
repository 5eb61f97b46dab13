#include <type_traits>

#include "kernels/cuda/divisor.cuh"
#include "kernels/cuda/elements.cuh"
#include "kernels/preprocess.h"

namespace slipway::cuda {
namespace {

/// Images, and the regions that are taken of them.
struct Images {
  std::int64_t height, width;  // of x
  std::int64_t result_height, result_width;
  const ImageRegion* regions;
  std::int64_t stride;
  std::int64_t planes;                     // samples * channels
  Divisor by_row, by_height, by_channels;  // of results: units of a row, rows of a plane, planes of a sample

  /// A unit of a row of the result.
  struct Place {
    std::int64_t plane, y, unit;
  };
  __device__ Place at(std::int64_t index) const {
    const std::int64_t row = by_row.quotient(index), plane = by_height.quotient(row);
    return {plane, by_height.remainder(row, plane), by_row.remainder(index, row)};
  }
  __device__ std::int64_t sample(const Place& place) const { return by_channels.quotient(place.plane); }
  __device__ const ImageRegion& region(const Place& place) const { return regions[sample(place) * stride]; }
  /// The row of the region that becomes this row of the result.
  __device__ std::int64_t row(const Place& place, const ImageRegion& region) const {
    return region.mirrored_vertically ? result_height - 1 - place.y : place.y;
  }
};

/// Pixels of a row of x, zero beyond its ends.
template <int kWidth, class T>
__device__ inline Pack<T, kWidth> load_pixels(const T* row, std::int64_t column, std::int64_t width) {
  Pack<T, kWidth> pack;
#pragma unroll
  for (int k = 0; k < kWidth; ++k) {
    const bool is_pixel = column + k >= 0 && column + k < width;
    pack.values[k] = is_pixel ? row[column + k] : T(0);
  }
  return pack;
}

/// Four bytes from anywhere, out of the two aligned words in which they lie.
__device__ inline Pack<std::uint8_t, 4> load_unaligned(const std::uint8_t* from) {
  const auto address = reinterpret_cast<std::uintptr_t>(from);
  const auto* words = reinterpret_cast<const std::uint32_t*>(address - address % 4);
  const unsigned shift = 8 * static_cast<unsigned>(address % 4);
  std::uint32_t word = words[0];
  if (shift > 0) word = word >> shift | words[1] << (32 - shift);
  Pack<std::uint8_t, 4> pack;
#pragma unroll
  for (int k = 0; k < 4; ++k) pack.values[k] = static_cast<std::uint8_t>(word >> 8 * k);
  return pack;
}

/// The region keeps its size. A unit is kWidth pixels.
template <int kWidth, class T>
__global__ void __launch_bounds__(kBlockThreads)
    copy_regions(const Images images, const std::int64_t units, const T* x, T* y) {
  const std::int64_t pixels = images.planes * images.height * images.width;  // of x
  for (std::int64_t i = grid_thread(); i < units; i += grid_threads()) {
    const auto place = images.at(i);
    const ImageRegion region = images.region(place);
    const std::int64_t row = region.top + images.row(place, region);
    const std::int64_t begin = place.unit * kWidth;
    const std::int64_t column =
        region.left + (region.mirrored_horizontally ? images.result_width - kWidth - begin : begin);
    Pack<T, kWidth> pack{};
    if (row >= 0 && row < images.height) {
      const std::int64_t start = (place.plane * images.height + row) * images.width;
      bool by_words = false;
      if constexpr (std::is_same_v<T, std::uint8_t> && kWidth == 4) {
        const std::int64_t at = start + column;  // the words around may not reach beyond x
        by_words = column >= 0 && column + kWidth <= images.width && at >= 3 && at + 7 <= pixels;
        if (by_words) pack = load_unaligned(x + at);
      }
      if (!by_words) pack = load_pixels<kWidth>(x + start, column, images.width);
    }
    if (region.mirrored_horizontally) {
      const Pack<T, kWidth> forward = pack;
#pragma unroll
      for (int k = 0; k < kWidth; ++k) pack.values[k] = forward.values[kWidth - 1 - k];
    }
    store_pack(y + (place.plane * images.result_height + place.y) * images.result_width + begin, pack);
  }
}

/// Taps along one axis, of every output of every sample.
struct AxisTaps {
  std::int32_t* first;   // [samples, outputs]
  std::int32_t* count;   // [samples, outputs]
  float* weights;        // [samples, most, outputs]
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
    for (std::int64_t k = taps.first; k < taps.last; ++k)
      axis.weight(sample, k - taps.first, output) = static_cast<float>(taps.weight(k) / total);
  }
}

template <class T>
__device__ inline T to_pixel(float value) {
  if constexpr (std::is_same_v<T, float>)
    return value;
  else
    return static_cast<T>(fminf(fmaxf(value + 0.5f, 0.0f), 255.0f));
}

/// A thread a pixel of the result, summed in the order of PlaneResampler, and rounded where that is when it
/// is compiled for a CPU of today: a mean that lies in the middle between two bytes would tell.
template <class T>
__global__ void __launch_bounds__(kBlockThreads)
    resample_regions(const Images images, const AxisTaps rows, const AxisTaps columns,
                     const std::int64_t pixels, const T* x, T* y) {
  for (std::int64_t i = grid_thread(); i < pixels; i += grid_threads()) {
    const auto place = images.at(i);
    const std::int64_t sample = images.sample(place);
    const ImageRegion region = images.region(place);
    const std::int64_t row = images.row(place, region);
    const std::int64_t column =
        region.mirrored_horizontally ? images.result_width - 1 - place.unit : place.unit;
    const T* from = x + (place.plane * images.height + region.top) * images.width + region.left;
    if (region.height == images.result_height && region.width == images.result_width) {
      y[i] = from[row * images.width + column];
      continue;
    }
    const std::int32_t first_row = rows.first[rows.place(sample, row)];
    const std::int32_t first_column = columns.first[columns.place(sample, column)];
    const std::int32_t row_count = rows.count[rows.place(sample, row)];
    const std::int32_t column_count = columns.count[columns.place(sample, column)];
    float sum = 0;
    for (std::int32_t j = 0; j < row_count; ++j) {
      const T* source = from + (first_row + j) * images.width + first_column;
      float narrow = 0;
      for (std::int32_t k = 0; k < column_count; ++k)
        narrow =
            __fadd_rn(narrow, __fmul_rn(columns.weight(sample, k, column), static_cast<float>(source[k])));
      sum = fmaf(rows.weight(sample, j, row), narrow, sum);
    }
    y[i] = to_pixel<T>(sum);
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
void take_typed(const Stream& stream, const TakeRegionsArgs& args) {
  const T* x = static_cast<const T*>(args.x);
  T* y = static_cast<T*>(args.y);
  constexpr int kWidth = std::is_same_v<T, std::uint8_t> ? 4 : 1;
  const bool packs = !args.resamples && args.result_width % kWidth == 0 && aligned_for_packs(kWidth, y);
  const std::int64_t row_units = args.result_width / (packs ? kWidth : 1);
  const Images images{.height = args.height,
                      .width = args.width,
                      .result_height = args.result_height,
                      .result_width = args.result_width,
                      .regions = args.regions,
                      .stride = args.stride,
                      .planes = args.samples * args.channels,
                      .by_row = Divisor(row_units),
                      .by_height = Divisor(args.result_height),
                      .by_channels = Divisor(args.channels)};
  const std::int64_t units = images.planes * args.result_height * row_units;
  if (!args.resamples) {
    launch(stream, elementwise_shape(stream, units), packs ? copy_regions<kWidth, T> : copy_regions<1, T>,
           images, units, x, y);
    return;
  }
  std::int32_t* scratch = args.scratch;
  const AxisTaps rows = claim_taps(scratch, args.samples, args.result_height, args.row_taps());
  const AxisTaps columns = claim_taps(scratch, args.samples, args.result_width, args.column_taps());
  enqueue_taps<Axis::rows>(stream, args, rows);
  enqueue_taps<Axis::columns>(stream, args, columns);
  launch(stream, elementwise_shape(stream, units), resample_regions<T>, images, rows, columns, units, x, y);
}

void take_regions(const Stream& stream, const TakeRegionsArgs& args) {
  if (args.samples == 0 || args.channels == 0) return;
  require(args.dtype == DType::uint8 || args.dtype == DType::float32,
          "take_regions: expects uint8 or float32, got ", args.dtype);
  if (args.dtype == DType::uint8)
    take_typed<std::uint8_t>(stream, args);
  else
    take_typed<float>(stream, args);
}

const KernelRegistrar<TakeRegionsArgs> kRegions(take_regions_kernel, DeviceKind::cuda, take_regions);

}  // namespace
}  // namespace slipway::cuda
