#pragma once

#include <limits>

#include "core/graph/graph.h"

namespace slipway {

/// The gradient scale of an update (UpdateInputs::gradient_scale) with the norm that it was made from.
struct ClippedGradient {
  Value norm;   // float32[]: of scale * gradients, before clipping
  Value scale;  // float32[]: scale * min(1, max_norm / (norm + 1e-6)); NaN if the norm is not finite
};

/// Appends the global norm of flat gradients [N] and the factor that clips it, as
/// torch.nn.utils.clip_grad_norm_. `scale` applies before (1 / accumulated batches). Without a `max_norm` it
/// only measures. A gradient that is not finite thus makes the optimizer skip the update: the last good state
/// stays.
ClippedGradient clip_by_norm(Graph& graph, Value gradients, double scale = 1,
                             double max_norm = std::numeric_limits<double>::infinity());

}  // namespace slipway
