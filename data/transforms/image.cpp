#include "data/transforms/image.h"

#include <algorithm>
#include <cstring>

#include "core/base/resample.h"

namespace slipway {
namespace {

/// Calls `body` with the C++ type of an image's elements.
template <class Body>
void visit_pixels(const Tensor& image, Body&& body) {
  if (image.dtype() == DType::uint8) {
    body.template operator()<std::uint8_t>();
  } else {
    require(image.dtype() == DType::float32, "an image of ", image.dtype(), ", expected uint8 or float32");
    body.template operator()<float>();
  }
}

/// Prepares `output`, which must not share memory with `image`.
void prepare(const Tensor& image, ImageSize size, Tensor& output) {
  require(image.shape().rank() == 3, "an image of shape ", image.shape(),
          ", expected [channels, height, width]");
  ensure_type(output, image.dtype(), {image.shape()[0], size.height, size.width});
}

}  // namespace

void check_image(const Feature& feature) {
  require_user(feature.kind == Feature::Kind::image && feature.shape.rank() == 3 &&
                   (feature.dtype == DType::uint8 || feature.dtype == DType::float32),
               "input '", feature, "' is no image [channels, height, width] of uint8 or float32");
}

ImageSize image_size(const std::vector<std::int64_t>& sizes, const char* actor) {
  constexpr std::int64_t kLargest = 1 << 15;
  require_user(sizes.size() == 1 || sizes.size() == 2, actor, ": got ", sizes.size(),
               " sizes, expected one for both sides, or height and width");
  for (const std::int64_t size : sizes) {
    require_user(size > 0 && size <= kLargest, actor, ": a size of ", size, ", expected 1 to ", kLargest);
  }
  return {sizes.front(), sizes.back()};
}

Region centre(ImageSize image, ImageSize crop) {
  // Rounded down for negative differences too.
  const auto half = [](std::int64_t difference) { return difference >> 1; };
  return {half(image.height - crop.height), half(image.width - crop.width), crop.height, crop.width};
}

void crop(const Tensor& image, const Region& region, Tensor& output) {
  prepare(image, {region.height, region.width}, output);
  const ImageSize size = size_of(image);
  const std::int64_t left = std::clamp<std::int64_t>(-region.left, 0, region.width);
  const std::int64_t right = std::clamp(size.width - region.left, left, region.width);
  const bool inside =
      left == 0 && right == region.width && region.top >= 0 && region.top + region.height <= size.height;
  if (!inside) std::memset(output.view().data, 0, output.type().bytes());
  visit_pixels(image, [&]<class T>() {
    const T* from = image.as<T>().data();
    T* to = output.as<T>().data();
    for (std::int64_t channel = 0; channel < image.shape()[0]; ++channel) {
      for (std::int64_t y = 0; y < region.height; ++y) {
        const std::int64_t row = region.top + y;
        if (row < 0 || row >= size.height || right == left) continue;
        std::memcpy(to + (channel * region.height + y) * region.width + left,
                    from + (channel * size.height + row) * size.width + region.left + left,
                    static_cast<std::size_t>(right - left) * sizeof(T));
      }
    }
  });
}

void resize(const Tensor& image, const Region& region, ImageSize size, Tensor& output) {
  if (region.height == size.height && region.width == size.width) return crop(image, region, output);
  prepare(image, size, output);
  const ImageSize whole = size_of(image);
  require(region.top >= 0 && region.left >= 0 && region.height > 0 && region.width > 0 &&
              region.top + region.height <= whole.height && region.left + region.width <= whole.width,
          "resize: a region outside the image");
  PlaneResampler resample({region.height, region.width}, {size.height, size.width});
  visit_pixels(image, [&]<class T>() {
    for (std::int64_t channel = 0; channel < image.shape()[0]; ++channel) {
      const std::int64_t start = (channel * whole.height + region.top) * whole.width + region.left;
      resample(image.as<T>().data() + start, whole.width,
               output.as<T>().data() + channel * size.height * size.width);
    }
  });
}

void flip_horizontally(const Tensor& image, Tensor& output) {
  const ImageSize size = size_of(image);
  prepare(image, size, output);
  visit_pixels(image, [&]<class T>() {
    const T* from = image.as<T>().data();
    T* to = output.as<T>().data();
    for (std::int64_t row = 0; row < image.shape()[0] * size.height; ++row) {
      std::reverse_copy(from + row * size.width, from + (row + 1) * size.width, to + row * size.width);
    }
  });
}

void flip_vertically(const Tensor& image, Tensor& output) {
  const ImageSize size = size_of(image);
  prepare(image, size, output);
  visit_pixels(image, [&]<class T>() {
    const T* from = image.as<T>().data();
    T* to = output.as<T>().data();
    const std::int64_t plane = size.height * size.width;
    for (std::int64_t channel = 0; channel < image.shape()[0]; ++channel) {
      for (std::int64_t y = 0; y < size.height; ++y) {
        std::copy_n(from + channel * plane + y * size.width, size.width,
                    to + channel * plane + (size.height - 1 - y) * size.width);
      }
    }
  });
}

}  // namespace slipway
