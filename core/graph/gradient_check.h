#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/graph/graph.h"
#include "core/graph/structural_ops.h"
#include "core/runtime/variables.h"

namespace slipway {

struct GradientCheckOptions {
  double step = 3e-5;          // of the differences, relative to max(1, |x|)
  std::int64_t elements = 50;  // of each value, drawn at random if it has more
  std::uint64_t seed = 1;
};

/// How the gradient of one value compares with central differences.
struct GradientError {
  std::string name;          // of the input or variable
  std::int64_t checked = 0;  // elements compared
  std::int64_t skipped = 0;  // elements at a kink, where the loss has no derivative
  /// |analytic - numeric| / max(|analytic|, |numeric|, largest gradient of the value / 100, loss / 100,000)
  double worst = 0;
  std::int64_t element = 0;  // row-major, where the worst error is
  double analytic = 0;
  double numeric = 0;
};

/// What a gradient check works on. The graph is float64 and has been given no layouts; its variables and
/// inputs are filled; the loss must depend on nothing that a run updates.
struct GradientCheckModel {
  const Graph& graph;
  Value loss;  // a scalar
  const Variables& variables;
  std::map<std::string, Tensor> inputs;
};

/// Compares the gradients of the loss with respect to each of `wrt`, inputs or variables, with central
/// differences, extrapolated from two step sizes. A kink shows in differences that do not shrink with the
/// step as those of a smooth function do. Variables are perturbed in place and restored.
std::vector<GradientError> check_gradients(const GradientCheckModel& model, std::span<const Value> wrt,
                                           const StructuralOps& ops, const GradientCheckOptions& options = {},
                                           const Stream& stream = {});

}  // namespace slipway
