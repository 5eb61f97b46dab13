#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "kernels/cpu/channel_groups.h"
#include "kernels/cpu/parallel.h"

namespace slipway::cpu {

// Passes over the planes of a value [batch, channels, ...], and sums over all axes but the channels'.

inline constexpr int kLanes = ChannelGroups::kLanes;

/// How the batch is cut into parts whose sums are added in order: by the shape alone.
struct Parts {
  explicit Parts(const ChannelGroups& in) {
    constexpr std::int64_t kPixels = 256, kMost = 64;
    const std::int64_t pixels = std::max<std::int64_t>(1, in.pixels);
    images = std::max({std::int64_t{1}, kPixels / pixels, (in.batch + kMost - 1) / kMost});
    count = (in.batch + images - 1) / images;
  }
  std::int64_t images, count;
};

/// Two sums per channel and part, as [part][group * lanes + lane][2].
struct PartialSums {
  PartialSums(std::byte* scratch, const ChannelGroups& in)
      : data(reinterpret_cast<double*>(scratch)), stride(in.groups * in.lanes * 2), lanes(in.lanes) {}
  double* at(std::int64_t part, std::int64_t group) const { return data + part * stride + group * lanes * 2; }
  double* data;
  std::int64_t stride;
  int lanes;
};

/// Calls body(offset, lane) for the elements of one plane: along pixels for one lane, else along lanes.
template <int kConstantLanes, class Body>
inline __attribute__((always_inline)) void for_plane(const ChannelGroups& in, int stored, Body&& body) {
  if constexpr (kConstantLanes == 1) {
#pragma omp simd
    for (std::int64_t i = 0; i < in.pixels; ++i) body(i, 0);
  } else {
    const int lanes = kConstantLanes ? kConstantLanes : stored;
    for (std::int64_t i = 0; i < in.pixels; ++i) {
      const std::int64_t offset = i * in.pixel_stride;
#pragma omp simd
      for (int l = 0; l < lanes; ++l) body(offset + l, l);
    }
  }
}

/// The sums over one plane of two terms: term(offset, lane, first, second) sets them.
template <int kConstantLanes, class T, class Term>
inline __attribute__((always_inline)) void sum_plane(const ChannelGroups& in, int stored, double* sums,
                                                     Term&& term) {
  if constexpr (kConstantLanes == 1) {
    T a = 0, b = 0;
#pragma omp simd reduction(+ : a, b)
    for (std::int64_t i = 0; i < in.pixels; ++i) {
      T first, second;
      term(i, 0, first, second);
      a += first;
      b += second;
    }
    sums[0] += static_cast<double>(a);
    sums[1] += static_cast<double>(b);
  } else {
    // Two rows of sums, so that additions need not wait for each other.
    std::array<T, kLanes> a[2] = {}, b[2] = {};
    const int lanes = kConstantLanes ? kConstantLanes : stored;
    std::int64_t i = 0;
    for (; i + 2 <= in.pixels; i += 2) {
      for (int row = 0; row < 2; ++row) {
        const std::int64_t offset = (i + row) * in.pixel_stride;
#pragma omp simd
        for (int l = 0; l < lanes; ++l) {
          T first, second;
          term(offset + l, l, first, second);
          a[row][l] += first;
          b[row][l] += second;
        }
      }
    }
    for (; i < in.pixels; ++i) {
      const std::int64_t offset = i * in.pixel_stride;
      for (int l = 0; l < lanes; ++l) {
        T first, second;
        term(offset + l, l, first, second);
        a[0][l] += first;
        b[0][l] += second;
      }
    }
    for (int l = 0; l < lanes; ++l) {
      sums[2 * l] += static_cast<double>(a[0][l]) + static_cast<double>(a[1][l]);
      sums[2 * l + 1] += static_cast<double>(b[0][l]) + static_cast<double>(b[1][l]);
    }
  }
}

/// Values per channel of one group, zero where there is no channel.
template <class T>
struct Lanes : std::array<T, kLanes> {
  Lanes() { this->fill(T(0)); }
  Lanes(const void* channels, const ChannelGroups& in, std::int64_t group) : Lanes() {
    const T* from = static_cast<const T*>(channels) + group * in.lanes;
    for (int l = 0; l < in.used_lanes(group); ++l) (*this)[static_cast<std::size_t>(l)] = from[l];
  }
};

/// Calls plane.template operator()<kConstantLanes>(part, n, group, stored lanes) for each plane.
template <class Plane>
void for_each_part(const Stream& stream, const ChannelGroups& in, const Parts& parts, Plane&& plane) {
  parallel_each(stream, parts.count * in.groups, [&](std::int64_t i) {
    const std::int64_t part = i / in.groups, group = i % in.groups;
    const int stored = in.stored_lanes(group);
    const std::int64_t end = std::min(in.batch, (part + 1) * parts.images);
    const int constant = in.lanes > 1 && stored == 1 ? 0 : stored;  // 1 stands for pixels side by side
    visit_lanes(constant, [&]<int kConstantLanes>() {
      for (std::int64_t n = part * parts.images; n < end; ++n) {
        plane.template operator()<kConstantLanes>(part, n, group, stored);
      }
    });
  });
}

/// Adds up the parts of one lane in order.
inline std::array<double, 2> total(const PartialSums& partial, const Parts& parts, std::int64_t group,
                                   int lane) {
  std::array<double, 2> sum{};
  for (std::int64_t part = 0; part < parts.count; ++part) {
    sum[0] += partial.at(part, group)[2 * lane];
    sum[1] += partial.at(part, group)[2 * lane + 1];
  }
  return sum;
}

}  // namespace slipway::cpu
