#include "data/transforms/image.h"

#include <algorithm>
#include <cmath>
#include <cstring>

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

/// Which inputs each output of one axis is a weighted mean of.
struct Taps {
  std::vector<std::int64_t> first;
  std::vector<std::int64_t> count;
  std::vector<float> weights;  // `width` an output
  std::int64_t width = 0;
};

Taps triangle(std::int64_t inputs, std::int64_t outputs) {
  const double scale = static_cast<double>(inputs) / static_cast<double>(outputs);
  const double radius = std::max(scale, 1.0);
  Taps taps;
  taps.width = 2 * static_cast<std::int64_t>(std::ceil(radius)) + 1;
  for (std::int64_t i = 0; i < outputs; ++i) {
    const double middle = (static_cast<double>(i) + 0.5) * scale;
    const auto first = std::max<std::int64_t>(0, static_cast<std::int64_t>(middle - radius + 0.5));
    const auto last = std::min(inputs, static_cast<std::int64_t>(middle + radius + 0.5));
    std::vector<double> weights;
    double total = 0;
    for (std::int64_t j = first; j < last; ++j) {
      const double distance = std::abs((static_cast<double>(j) + 0.5 - middle) / radius);
      weights.push_back(std::max(0.0, 1 - distance));
      total += weights.back();
    }
    taps.first.push_back(first);
    taps.count.push_back(last - first);
    for (std::int64_t k = 0; k < taps.width; ++k) {
      const bool used = k < last - first;
      taps.weights.push_back(used ? static_cast<float>(weights[static_cast<std::size_t>(k)] / total) : 0.0f);
    }
  }
  return taps;
}

/// Along one row.
template <class T>
void resample_row(const T* from, const Taps& taps, float* to) {
  for (std::size_t i = 0; i < taps.first.size(); ++i) {
    const T* source = from + taps.first[i];
    const float* weights = taps.weights.data() + static_cast<std::int64_t>(i) * taps.width;
    float sum = 0;
    for (std::int64_t k = 0; k < taps.count[i]; ++k) sum += weights[k] * static_cast<float>(source[k]);
    to[i] = sum;
  }
}

template <class T>
T to_pixel(float value) {
  if constexpr (std::is_same_v<T, float>) {
    return value;
  } else {
    return static_cast<T>(std::clamp(value + 0.5f, 0.0f, 255.0f));
  }
}

template <class T>
void resize_plane(const T* from, std::int64_t stride, const Taps& rows, const Taps& columns,
                  std::vector<float>& narrow, std::vector<float>& sums, T* to) {
  const std::size_t width = columns.first.size();
  const std::size_t height = narrow.size() / width;
  for (std::size_t y = 0; y < height; ++y) {
    resample_row(from + static_cast<std::int64_t>(y) * stride, columns, narrow.data() + y * width);
  }
  for (std::size_t y = 0; y < rows.first.size(); ++y) {
    std::fill(sums.begin(), sums.end(), 0.0f);
    for (std::int64_t k = 0; k < rows.count[y]; ++k) {
      const float weight =
          rows.weights[y * static_cast<std::size_t>(rows.width) + static_cast<std::size_t>(k)];
      const float* source = narrow.data() + static_cast<std::size_t>(rows.first[y] + k) * width;
      for (std::size_t x = 0; x < width; ++x) sums[x] += weight * source[x];
    }
    for (std::size_t x = 0; x < width; ++x) to[y * width + x] = to_pixel<T>(sums[x]);
  }
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
  const Taps rows = triangle(region.height, size.height), columns = triangle(region.width, size.width);
  std::vector<float> narrow(static_cast<std::size_t>(region.height * size.width));
  std::vector<float> sums(static_cast<std::size_t>(size.width));
  visit_pixels(image, [&]<class T>() {
    for (std::int64_t channel = 0; channel < image.shape()[0]; ++channel) {
      const T* from =
          image.as<T>().data() + (channel * whole.height + region.top) * whole.width + region.left;
      resize_plane<T>(from, whole.width, rows, columns, narrow, sums,
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
