#pragma once

#include <cstdint>
#include <vector>

#include "data/dataset.h"

namespace slipway {

/// Height and width in pixels.
struct ImageSize {
  std::int64_t height = 0, width = 0;
};

/// A rectangle of an image; parts outside it are zero for crop, forbidden for resize.
struct Region {
  std::int64_t top = 0, left = 0, height = 0, width = 0;
};

/// Checks that a feature is an image [channels, height, width] of uint8 or float32.
void check_image(const Feature& feature);
/// One number for both sides, or height and width; others go to a UserError that names `actor`.
ImageSize image_size(const std::vector<std::int64_t>& sizes, const char* actor);
inline ImageSize size_of(const Tensor& image) { return {image.shape()[1], image.shape()[2]}; }
/// The region of that size in the middle, which may reach beyond the image.
Region centre(ImageSize image, ImageSize crop);

/// Copies a region of `image` [C, H, W] to `output` [C, region.height, region.width].
void crop(const Tensor& image, const Region& region, Tensor& output);
/// Resamples a region to a size: bilinear, pixel centres at half-integers; where it shrinks, the triangle is
/// as wide as the output's pixels, so that nothing aliases. As PyTorch's interpolate(antialias=True); uint8
/// is rounded.
void resize(const Tensor& image, const Region& region, ImageSize size, Tensor& output);
/// Mirrors left and right, or top and bottom.
void flip_horizontally(const Tensor& image, Tensor& output);
void flip_vertically(const Tensor& image, Tensor& output);

}  // namespace slipway
