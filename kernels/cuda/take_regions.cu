#include <type_traits>

#include "kernels/cuda/divisor.cuh"
#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/resample_regions.h"
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
  __device__ std::int64_t pixels() const { return planes * height * width; }
  __device__ const ImageRegion& region(const Place& place) const { return regions[sample(place) * stride]; }
  /// The row of the region that becomes this row of the result.
  __device__ std::int64_t row(const Place& place, const ImageRegion& region) const {
    return region.mirrored_vertically ? result_height - 1 - place.y : place.y;
  }
};

/// One pixel of a row of x, zero beyond its ends.
template <class T>
__device__ inline T load_pixel(const Images& images, const T* x, std::int64_t row, std::int64_t column) {
  return column >= 0 && column < images.width ? x[row * images.width + column] : T(0);
}

/// Four pixels of a row of x, zero beyond its ends: out of the aligned words in which they lie, so that lanes
/// that stand side by side ask for whole words side by side.
class FourPixels {
 public:
  __device__ FourPixels(const Images& images, const std::uint8_t* x, std::int64_t row, std::int64_t column)
      : x_(x), pixels_(images.pixels()) {
    const int first = within_four(-column), last = within_four(images.width - column);
    if (first >= last) return;
    const std::int64_t at = row * images.width + column;
    const auto offset =
        static_cast<int>((reinterpret_cast<std::uintptr_t>(x) + static_cast<std::uintptr_t>(at)) % 4);
    const std::uint32_t low = offset + first < 4 ? load_word(at - offset) : 0;
    const std::uint32_t high = offset + last > 4 ? load_word(at - offset + 4) : 0;
    bytes_ = __funnelshift_r(low, high, 8 * offset) & (~0u << 8 * first) & (~0u >> 8 * (4 - last));
  }
  __device__ std::uint32_t bytes() const { return bytes_; }
  __device__ std::uint32_t reversed() const { return __byte_perm(bytes_, 0, 0x0123); }

 private:
  static __device__ int within_four(std::int64_t count) {
    return count < 0 ? 0 : count > 4 ? 4 : static_cast<int>(count);
  }
  /// Zero beyond x.
  __device__ std::uint32_t load_word(std::int64_t at) const {
    if (at >= 0 && at + 4 <= pixels_) return *reinterpret_cast<const std::uint32_t*>(x_ + at);
    std::uint32_t word = 0;
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      if (at + k >= 0 && at + k < pixels_) word |= std::uint32_t{x_[at + k]} << 8 * k;
    }
    return word;
  }

  const std::uint8_t* x_;
  std::int64_t pixels_;
  std::uint32_t bytes_ = 0;
};

/// A thread copies kWidth pixels that stand side by side in the result: 1, or 4 of uint8.
template <int kWidth, class T>
__global__ void __launch_bounds__(kBlockThreads)
    copy_regions(const Images images, const std::int64_t units, const T* x, T* y) {
  for (std::int64_t i = grid_thread(); i < units; i += grid_threads()) {
    const auto place = images.at(i);
    const ImageRegion region = images.region(place);
    const std::int64_t row = region.top + images.row(place, region);
    const bool is_inside = row >= 0 && row < images.height;
    const std::int64_t x_row = place.plane * images.height + row, begin = place.unit * kWidth;
    const std::int64_t column =
        region.left + (region.mirrored_horizontally ? images.result_width - kWidth - begin : begin);
    if constexpr (kWidth == 1) {
      y[i] = is_inside ? load_pixel(images, x, x_row, column) : T(0);
    } else {
      std::uint32_t bytes = 0;
      if (is_inside) {
        const FourPixels four(images, x, x_row, column);
        bytes = region.mirrored_horizontally ? four.reversed() : four.bytes();
      }
      reinterpret_cast<std::uint32_t*>(y)[i] = bytes;
    }
  }
}

template <class T>
void copy_typed(const Stream& stream, const TakeRegionsArgs& args) {
  const T* x = static_cast<const T*>(args.x);
  T* y = static_cast<T*>(args.y);
  constexpr int kWidth = std::is_same_v<T, std::uint8_t> ? 4 : 1;
  const bool packs = args.result_width % kWidth == 0 && aligned_for_packs(kWidth, y);
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
  launch(stream, elementwise_shape(stream, units), packs ? copy_regions<kWidth, T> : copy_regions<1, T>,
         images, units, x, y);
}

void take_regions(const Stream& stream, const TakeRegionsArgs& args) {
  if (args.samples == 0 || args.channels == 0) return;
  require(args.dtype == DType::uint8 || args.dtype == DType::float32,
          "take_regions: expects uint8 or float32, got ", args.dtype);
  if (args.resamples)
    resample_regions(stream, args);
  else if (args.dtype == DType::uint8)
    copy_typed<std::uint8_t>(stream, args);
  else
    copy_typed<float>(stream, args);
}

const KernelRegistrar<TakeRegionsArgs> kRegions(take_regions_kernel, DeviceKind::cuda, take_regions);

}  // namespace
}  // namespace slipway::cuda
