#include "core/base/resample.h"

#include <algorithm>
#include <type_traits>

namespace slipway {
namespace {

template <class T>
T to_pixel(float value) {
  if constexpr (std::is_same_v<T, float>) {
    return value;
  } else {
    return static_cast<T>(std::clamp(value + 0.5f, 0.0f, 255.0f));
  }
}

}  // namespace

PlaneResampler::Axis::Axis(std::int64_t inputs, std::int64_t outputs) {
  const TriangleFilter filter(inputs, outputs);
  width = filter.most_taps();
  for (std::int64_t i = 0; i < outputs; ++i) {
    const TriangleFilter::Taps taps = filter.taps(i);
    std::vector<double> own;
    double total = 0;
    for (std::int64_t j = taps.first; j < taps.last; ++j) {
      own.push_back(taps.weight(j));
      total += own.back();
    }
    first.push_back(taps.first);
    count.push_back(taps.last - taps.first);
    for (std::size_t k = 0; k < static_cast<std::size_t>(width); ++k)
      weights.push_back(k < own.size() ? static_cast<float>(own[k] / total) : 0.0f);
  }
}

PlaneResampler::PlaneResampler(Size from, Size to)
    : rows_(from.height, to.height),
      columns_(from.width, to.width),
      narrow_(static_cast<std::size_t>(from.height * to.width)),
      sums_(static_cast<std::size_t>(to.width)) {}

template <class T>
void PlaneResampler::operator()(const T* from, std::int64_t stride, T* to) {
  const std::size_t width = sums_.size();
  const std::size_t height = narrow_.size() / width;
  for (std::size_t y = 0; y < height; ++y) {
    const T* row = from + static_cast<std::int64_t>(y) * stride;
    for (std::size_t x = 0; x < width; ++x) {
      const T* source = row + columns_.first[x];
      const float* weights = columns_.weights.data() + static_cast<std::int64_t>(x) * columns_.width;
      float sum = 0;
      for (std::int64_t k = 0; k < columns_.count[x]; ++k) sum += weights[k] * static_cast<float>(source[k]);
      narrow_[y * width + x] = sum;
    }
  }
  for (std::size_t y = 0; y < rows_.first.size(); ++y) {
    std::fill(sums_.begin(), sums_.end(), 0.0f);
    for (std::int64_t k = 0; k < rows_.count[y]; ++k) {
      const float weight =
          rows_.weights[y * static_cast<std::size_t>(rows_.width) + static_cast<std::size_t>(k)];
      const float* source = narrow_.data() + static_cast<std::size_t>(rows_.first[y] + k) * width;
      for (std::size_t x = 0; x < width; ++x) sums_[x] += weight * source[x];
    }
    for (std::size_t x = 0; x < width; ++x) to[y * width + x] = to_pixel<T>(sums_[x]);
  }
}

template void PlaneResampler::operator()(const std::uint8_t*, std::int64_t, std::uint8_t*);
template void PlaneResampler::operator()(const float*, std::int64_t, float*);

}  // namespace slipway
