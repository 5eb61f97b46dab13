#pragma once

#include <cstdint>

namespace slipway {

/// Resampling along one axis: an output pixel is the mean of input pixels, weighted by a triangle around its
/// middle that is as wide as an output pixel where the image shrinks, so that nothing aliases. Pixel centres
/// lie at half-integers. For the host and for kernels.
class TriangleFilter {
 public:
  /// The inputs of one output: [first, last), with weights that are yet to be divided by their sum.
  struct Taps {
    std::int64_t first, last;
    double middle, radius;

    constexpr double weight(std::int64_t input) const {
      const double offset = (static_cast<double>(input) + 0.5 - middle) / radius;
      const double height = 1 - (offset < 0 ? -offset : offset);
      return height > 0 ? height : 0;
    }
  };

  constexpr TriangleFilter(std::int64_t inputs, std::int64_t outputs)
      : inputs_(inputs),
        scale_(static_cast<double>(inputs) / static_cast<double>(outputs)),
        radius_(scale_ > 1 ? scale_ : 1) {}

  /// The most inputs that an output has.
  constexpr std::int64_t most_taps() const {
    const auto whole = static_cast<std::int64_t>(radius_);
    return 2 * (static_cast<double>(whole) < radius_ ? whole + 1 : whole) + 1;
  }

  constexpr Taps taps(std::int64_t output) const {
    const double middle = (static_cast<double>(output) + 0.5) * scale_;
    const auto first = static_cast<std::int64_t>(middle - radius_ + 0.5);
    const auto last = static_cast<std::int64_t>(middle + radius_ + 0.5);
    return {first > 0 ? first : 0, last < inputs_ ? last : inputs_, middle, radius_};
  }

 private:
  std::int64_t inputs_;
  double scale_, radius_;
};

}  // namespace slipway
