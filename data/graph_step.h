#pragma once

#include <variant>
#include <vector>

#include "core/base/component.h"
#include "core/tensor/tensor.h"

namespace slipway {

/// y = (x is NaN and fill given ? fill : x) · scale + shift, in float32, per index of one axis of the batch.
struct Affine {
  int axis = 1;                   // of the batch: [N, C, H, W] or [N, columns]
  std::vector<double> scale;      // one for the whole tensor, or one an index
  std::vector<double> shift;      // as many as scale
  std::vector<double> fill = {};  // as many as scale, or empty; NaN leaves missing values missing
};

/// Replaces columns of a table [N, columns] by indicators: float32 [N, new columns].
struct OneHot {
  /// One a column: 0 keeps the column; n > 0 replaces it by n indicators. A value that is not an integer in
  /// [0, n), so also a missing one, gives n zeros.
  std::vector<std::int64_t> sizes;

  std::int64_t columns() const;  // after the step
};

/// What preprocessing adds to the model's graph between its input and its first layer, so that training,
/// evaluation and the exported model share one implementation.
using GraphStep = std::variant<Affine, OneHot>;

/// Merges neighbouring affine steps.
std::vector<GraphStep> compose(std::vector<GraphStep> steps);
/// The shape of a batch after a step.
Shape output_shape(const GraphStep& step, const Shape& batch);
/// The step on the host: [N, ...] of any dtype to float32.
Tensor apply_step(const GraphStep& step, const Tensor& batch);

}  // namespace slipway
