#include "tools/train/observers/picture.h"

#include <png.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace slipway {
namespace {

constexpr std::int64_t kLargestSide = 4096;

/// What black and white stand for.
struct Range {
  double black = 0;
  double white = 255;
};

std::optional<Range> range_of(const Tensor& values) {
  if (values.dtype() == DType::uint8) return Range{};
  double least = INFINITY, largest = -INFINITY;
  for (const double value : values.as<double>()) {
    if (!std::isfinite(value)) return std::nullopt;
    least = std::min(least, value);
    largest = std::max(largest, value);
  }
  if (least >= 0 && largest <= 1) return Range{0, 1};
  return Range{least, largest > least ? largest : least + 1};
}

std::vector<std::uint8_t> pixels_of(const Tensor& values, const Range& range, int shown) {
  const std::int64_t area = values.shape()[1] * values.shape()[2];
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(area * shown));
  for (std::int64_t at = 0; at < area * shown; ++at) {
    const auto from = static_cast<std::size_t>(at % shown * area + at / shown);
    const double value =
        values.dtype() == DType::uint8 ? values.as<std::uint8_t>()[from] : values.as<double>()[from];
    const double scaled = (value - range.black) / (range.white - range.black) * 255;
    pixels[static_cast<std::size_t>(at)] =
        static_cast<std::uint8_t>(std::lround(std::clamp(scaled, 0.0, 255.0)));
  }
  return pixels;
}

}  // namespace

std::optional<Picture> draw_picture(const Tensor& sample) {
  if (!sample.defined() || sample.shape().rank() != 3) return std::nullopt;
  const Shape& shape = sample.shape();
  if (sample.elements() == 0 || shape[1] > kLargestSide || shape[2] > kLargestSide) return std::nullopt;
  const Tensor values = sample.dtype() == DType::uint8 ? sample.clone() : sample.cast(DType::float64);
  const std::optional<Range> range = range_of(values);
  if (!range) return std::nullopt;
  const int shown = shape[0] == 3 || shape[0] == 4 ? 3 : 1;
  const std::vector<std::uint8_t> pixels = pixels_of(values, *range, shown);

  Picture picture{.png = "", .width = static_cast<int>(shape[2]), .height = static_cast<int>(shape[1])};
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(picture.width);
  image.height = static_cast<png_uint_32>(picture.height);
  image.format = shown == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  png_alloc_size_t bytes = PNG_IMAGE_PNG_SIZE_MAX(image);
  picture.png.resize(bytes);
  const int written =
      png_image_write_to_memory(&image, picture.png.data(), &bytes, 0, pixels.data(), 0, nullptr);
  require(written != 0, "cannot encode a picture: ", image.message);
  picture.png.resize(bytes);
  return picture;
}

}  // namespace slipway
