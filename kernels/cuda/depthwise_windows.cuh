#pragma once

#include "kernels/cuda/conv2d_operands.cuh"
#include "kernels/cuda/row_windows.cuh"

namespace slipway::cuda {

/// The windows whose rows are read in packs.
template <class T, class Aligned, class Body>
bool visit_usual_windows(const Conv2dProblem& problem, const Aligned& aligned, const Body& body) {
  return visit_row_windows<T, RowWindow<3, 1, 1>, RowWindow<3, 2, 1>, RowWindow<5, 1, 2>, RowWindow<5, 2, 2>,
                           RowWindow<7, 1, 3>>({.kernel = {problem.weight.shape[2], problem.weight.shape[3]},
                                                .window = problem.window,
                                                .input_columns = problem.x.shape[3],
                                                .output_columns = problem.y.shape[3]},
                                               aligned, body);
}

/// Whose plane a plane [image, channel] of y is, and which channel of x it sees.
struct PlaneChannels {
  explicit PlaneChannels(const Conv2dGeometry& g)
      : by_channels(std::max<std::int64_t>(1, g.groups * g.group_out)),
        by_group_out(std::max<std::int64_t>(1, g.group_out)) {}
  __device__ std::int64_t channel(std::int64_t plane) const { return by_channels.remainder(plane); }
  /// Planes of x lie in the order of those of y: each is seen by group_out of them, one after another.
  __device__ std::int64_t input_plane(std::int64_t plane) const { return by_group_out.quotient(plane); }

  Divisor by_channels, by_group_out;
};

}  // namespace slipway::cuda
