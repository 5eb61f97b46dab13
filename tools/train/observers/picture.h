#pragma once

#include <optional>
#include <string>

#include "core/tensor/tensor.h"

namespace slipway {

struct Picture {
  std::string png;  // the file's bytes
  int width = 0;
  int height = 0;
};

/// A sample of shape [channels, height, width] as grey (other than three or four channels: the first one) or
/// colour. Bytes are shown as they are, numbers within 0 and 1 as such, others stretched from least to
/// largest. None if it is no picture: another shape, no pixels, more than 4096 on a side, or values that
/// aren't finite.
std::optional<Picture> draw_picture(const Tensor& sample);

}  // namespace slipway
