#pragma once

#include <type_traits>

#include "kernels/activation.h"
#include "kernels/conv2d.h"
#include "kernels/cuda/divisor.cuh"
#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/simt.cuh"

namespace slipway::cuda {

// A convolution as a product of matrices that are never built: rows and columns are pixels (n, h, w) of all
// images or taps (channel, p, q) of the window; groups are the batch. Row-major images [batch, channels,
// height, width].

/// Sizes that every operand needs, with the divisors that take an index apart.
struct Conv2dGeometry {
  explicit Conv2dGeometry(const Conv2dProblem& problem)
      : groups(problem.groups),
        group_in(problem.weight.shape[1]),
        group_out(problem.groups > 0 ? problem.weight.shape[0] / problem.groups : 0),
        batch(problem.x.shape[0]),
        kernel_plane(problem.weight.shape[2] * problem.weight.shape[3]),
        in_plane(problem.x.shape[2] * problem.x.shape[3]),
        out_plane(problem.y.shape[2] * problem.y.shape[3]),
        by_kernel_plane(at_least_one(kernel_plane)),
        by_kernel_width(at_least_one(problem.weight.shape[3])),
        by_in_plane(at_least_one(in_plane)),
        by_in_width(at_least_one(problem.x.shape[3])),
        by_out_plane(at_least_one(out_plane)),
        by_out_width(at_least_one(problem.y.shape[3])) {
    for (std::size_t axis = 0; axis < 2; ++axis) {
      const int a = 2 + static_cast<int>(axis);
      in_size[axis] = static_cast<std::int32_t>(problem.x.shape[a]);
      out_size[axis] = static_cast<std::int32_t>(problem.y.shape[a]);
      stride[axis] = static_cast<std::int32_t>(problem.window.stride[axis]);
      dilation[axis] = static_cast<std::int32_t>(problem.window.dilation[axis]);
      padding[axis] = static_cast<std::int32_t>(problem.window.padding_begin[axis]);
      by_stride[axis] = Divisor(problem.window.stride[axis]);
    }
  }

  std::int64_t groups, group_in, group_out, batch, kernel_plane, in_plane, out_plane;
  std::int32_t in_size[2], out_size[2], stride[2], dilation[2], padding[2];
  Divisor by_kernel_plane, by_kernel_width, by_in_plane, by_in_width, by_out_plane, by_out_width;
  Divisor by_stride[2];

 private:
  static std::int64_t at_least_one(std::int64_t size) { return std::max<std::int64_t>(1, size); }
};

/// Pixel `index` of the images of a batch.
struct Pixel {
  std::int64_t image, offset;
  std::int32_t row, column;
};
__device__ inline Pixel pixel_at(std::int64_t index, const Divisor& by_plane, const Divisor& by_width) {
  const std::int64_t image = by_plane.quotient(index), offset = by_plane.remainder(index, image);
  const std::int64_t row = by_width.quotient(offset);
  return {image, offset, static_cast<std::int32_t>(row),
          static_cast<std::int32_t>(by_width.remainder(offset, row))};
}

/// Tap `index` of the windows: a channel of the group, its place in the window, and how far it lies from the
/// window's first pixel.
struct Tap {
  std::int64_t channel, place;
  std::int32_t down, right;
};
__device__ inline Tap tap_at(std::int64_t index, const Conv2dGeometry& g) {
  const std::int64_t channel = g.by_kernel_plane.quotient(index);
  const std::int64_t place = g.by_kernel_plane.remainder(index, channel);
  const std::int64_t row = g.by_kernel_width.quotient(place);
  return {channel, place, static_cast<std::int32_t>(row) * g.dilation[0],
          static_cast<std::int32_t>(g.by_kernel_width.remainder(place, row)) * g.dilation[1]};
}

/// x as [output pixel, tap] (outer = pixel) or [tap, output pixel]: im2col without the columns.
template <class T, bool kPixelsInside>
struct InputWindows {
  using Accumulator = AccumulatorOf<T>;
  static constexpr bool kAlongInner = kPixelsInside;
  struct PixelSide {
    const T* image;  // first channel of the group
    std::int32_t row, column;
  };
  struct TapSide {
    std::int64_t channel_offset;
    std::int32_t down, right;
  };
  using Outer = std::conditional_t<kPixelsInside, TapSide, PixelSide>;
  using Inner = std::conditional_t<kPixelsInside, PixelSide, TapSide>;

  const T* x;
  Conv2dGeometry g;

  __device__ Outer outer(std::int64_t group, std::int64_t index) const {
    if constexpr (kPixelsInside) {
      TapSide side = tap(index);
      side.channel_offset += group * g.group_in * g.in_plane;
      return side;
    } else {
      PixelSide side = pixel(index);
      side.image += group * g.group_in * g.in_plane;
      return side;
    }
  }
  __device__ Inner inner(std::int64_t index) const {
    if constexpr (kPixelsInside) {
      return pixel(index);
    } else {
      return tap(index);
    }
  }
  __device__ Accumulator load(const Outer& outer, const Inner& inner) const {
    if constexpr (kPixelsInside) {
      return at(inner, outer);
    } else {
      return at(outer, inner);
    }
  }

 private:
  __device__ PixelSide pixel(std::int64_t index) const {
    const Pixel p = pixel_at(index, g.by_out_plane, g.by_out_width);
    return {x + p.image * (g.groups * g.group_in * g.in_plane), p.row * g.stride[0] - g.padding[0],
            p.column * g.stride[1] - g.padding[1]};
  }
  __device__ TapSide tap(std::int64_t index) const {
    const Tap t = tap_at(index, g);
    return {t.channel * g.in_plane, t.down, t.right};
  }
  __device__ Accumulator at(const PixelSide& p, const TapSide& t) const {
    const std::int32_t row = p.row + t.down, column = p.column + t.right;
    if (row < 0 || row >= g.in_size[0] || column < 0 || column >= g.in_size[1]) return 0;
    return to_accumulator(p.image[t.channel_offset + std::int64_t{row} * g.in_size[1] + column]);
  }
};

/// dy as [tap, input pixel], taps counted over output channels: which output pixel saw this input pixel
/// through the tap.
template <class T>
struct OutputWindows {
  using Accumulator = AccumulatorOf<T>;
  static constexpr bool kAlongInner = false;
  struct Outer {
    const T* image;
    std::int32_t row, column;
  };
  struct Inner {
    std::int64_t channel_offset;
    std::int32_t down, right;
  };

  const T* dy;
  Conv2dGeometry g;

  __device__ Outer outer(std::int64_t group, std::int64_t index) const {
    const Pixel p = pixel_at(index, g.by_in_plane, g.by_in_width);
    return {dy + (p.image * g.groups + group) * g.group_out * g.out_plane, p.row + g.padding[0],
            p.column + g.padding[1]};
  }
  __device__ Inner inner(std::int64_t index) const {
    const Tap t = tap_at(index, g);
    return {t.channel * g.out_plane, t.down, t.right};
  }
  __device__ Accumulator load(const Outer& pixel, const Inner& tap) const {
    const std::int32_t down = pixel.row - tap.down, right = pixel.column - tap.right;
    if (down < 0 || right < 0) return 0;
    const std::int64_t row = g.by_stride[0].quotient(down), column = g.by_stride[1].quotient(right);
    if (g.by_stride[0].remainder(down, row) != 0 || g.by_stride[1].remainder(right, column) != 0) return 0;
    if (row >= g.out_size[0] || column >= g.out_size[1]) return 0;
    return to_accumulator(pixel.image[tap.channel_offset + row * g.out_size[1] + column]);
  }
};

/// dy as [output channel, output pixel].
template <class T>
struct OutputPixels {
  using Accumulator = AccumulatorOf<T>;
  static constexpr bool kAlongInner = true;
  struct Outer {
    const T* channel;
  };
  struct Inner {
    std::int64_t offset;
  };

  const T* dy;
  Conv2dGeometry g;

  __device__ Outer outer(std::int64_t group, std::int64_t index) const {
    return {dy + (group * g.group_out + index) * g.out_plane};
  }
  __device__ Inner inner(std::int64_t index) const {
    const Pixel p = pixel_at(index, g.by_out_plane, g.by_out_width);
    return {p.image * (g.groups * g.group_out * g.out_plane) + p.offset};
  }
  __device__ Accumulator load(const Outer& outer, const Inner& inner) const {
    return to_accumulator(outer.channel[inner.offset]);
  }
};

/// The weight as [input channel, tap], taps counted over output channels.
template <class T>
struct WeightByInput {
  using Accumulator = AccumulatorOf<T>;
  static constexpr bool kAlongInner = true;
  struct Outer {
    const T* channel;
  };
  struct Inner {
    std::int64_t offset;
  };

  const T* weight;
  Conv2dGeometry g;

  __device__ Outer outer(std::int64_t group, std::int64_t index) const {
    return {weight + (group * g.group_out * g.group_in + index) * g.kernel_plane};
  }
  __device__ Inner inner(std::int64_t index) const {
    const Tap t = tap_at(index, g);
    return {t.channel * g.group_in * g.kernel_plane + t.place};
  }
  __device__ Accumulator load(const Outer& outer, const Inner& inner) const {
    return to_accumulator(outer.channel[inner.offset]);
  }
};

/// Stores [channel of the group, pixel] into images: activation(sum + bias[channel] + residual).
template <class T>
struct ImageResult {
  T* images;  // [batch, channels, plane]
  std::int64_t group_channels, channels, plane;
  Divisor by_plane;
  const T* bias = nullptr;      // [channels] or null
  const T* residual = nullptr;  // like images, or null
  Activation activation = Activation::none;

  __device__ void operator()(std::int64_t group, std::int64_t m, std::int64_t n, AccumulatorOf<T> sum) const {
    const std::int64_t image = by_plane.quotient(n), offset = by_plane.remainder(n, image);
    const std::int64_t channel = group * group_channels + m,
                       place = (image * channels + channel) * plane + offset;
    const AccumulatorOf<T> sums[] = {sum};
    store(channel, place, sums);
  }
  /// Neighbours of a channel, from images[place] on.
  template <int kWidth>
  __device__ void store(std::int64_t channel, std::int64_t place,
                        const AccumulatorOf<T> (&sums)[kWidth]) const {
    using A = AccumulatorOf<T>;
    const A added = bias ? to_accumulator(bias[channel]) : A(0);
    Pack<T, kWidth> before{}, result;
    if (residual) before = load_pack<kWidth>(residual + place);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      const A sum = sums[k] + added + to_accumulator(before.values[k]);
      result.values[k] = from_accumulator<T>(activate(activation, sum));
    }
    store_pack(images + place, result);
  }
};

}  // namespace slipway::cuda
