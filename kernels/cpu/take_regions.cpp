#include <algorithm>

#include "core/base/resample.h"
#include "kernels/cpu/parallel.h"
#include "kernels/preprocess.h"

namespace slipway::cpu {
namespace {

/// Zero beyond the image.
template <class T>
void copy_region(const TakeRegionsArgs& args, const ImageRegion& region, const T* from, T* to) {
  for (std::int64_t y = 0; y < args.result_height; ++y) {
    const std::int64_t row = region.top + y;
    const bool inside = row >= 0 && row < args.height;
    for (std::int64_t x = 0; x < args.result_width; ++x) {
      const std::int64_t column = region.left + x;
      const bool is_pixel = inside && column >= 0 && column < args.width;
      to[y * args.result_width + x] = is_pixel ? from[row * args.width + column] : T(0);
    }
  }
}

template <class T>
void mirror(const TakeRegionsArgs& args, const ImageRegion& region, T* plane) {
  const std::int64_t height = args.result_height, width = args.result_width;
  if (region.mirrored_horizontally) {
    for (std::int64_t y = 0; y < height; ++y) std::reverse(plane + y * width, plane + (y + 1) * width);
  }
  if (region.mirrored_vertically) {
    for (std::int64_t y = 0; y < height / 2; ++y)
      std::swap_ranges(plane + y * width, plane + (y + 1) * width, plane + (height - 1 - y) * width);
  }
}

template <class T>
void take_region(const TakeRegionsArgs& args, std::int64_t sample) {
  const ImageRegion& region = args.regions[sample * args.stride];
  const std::int64_t pixels = args.height * args.width, results = args.result_height * args.result_width;
  const T* from = static_cast<const T*>(args.x) + sample * args.channels * pixels;
  T* to = static_cast<T*>(args.y) + sample * args.channels * results;
  if (region.height == args.result_height && region.width == args.result_width) {
    for (std::int64_t c = 0; c < args.channels; ++c)
      copy_region(args, region, from + c * pixels, to + c * results);
  } else {
    PlaneResampler resample({region.height, region.width}, {args.result_height, args.result_width});
    const std::int64_t start = region.top * args.width + region.left;
    for (std::int64_t c = 0; c < args.channels; ++c)
      resample(from + c * pixels + start, args.width, to + c * results);
  }
  for (std::int64_t c = 0; c < args.channels; ++c) mirror(args, region, to + c * results);
}

void take_regions(const Stream& stream, const TakeRegionsArgs& args) {
  require(args.dtype == DType::uint8 || args.dtype == DType::float32,
          "take_regions: expects uint8 or float32, got ", args.dtype);
  parallel_each(stream, args.samples, [&](std::int64_t sample) {
    if (args.dtype == DType::uint8)
      take_region<std::uint8_t>(args, sample);
    else
      take_region<float>(args, sample);
  });
}

const KernelRegistrar<TakeRegionsArgs> kRegions(take_regions_kernel, DeviceKind::cpu, take_regions);

}  // namespace
}  // namespace slipway::cpu
