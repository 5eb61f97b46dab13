#pragma once

#include <limits>

#include "core/graph/graph.h"

namespace slipway {

/// The gradient scale of an update (UpdateInputs::gradient_scale) with the norm that it was made from.
struct ClippedGradient {
  Value norm;   // float32[]: of scale * gradients / loss_scale, before clipping
  Value scale;  // float32[]: scale / loss_scale * min(1, max_norm / (norm + 1e-6)); NaN if norm or loss is
                // not finite
};

struct ClipOptions {
  double scale = 1;                                           // applies before: 1 / accumulated batches
  double max_norm = std::numeric_limits<double>::infinity();  // the default only measures
  Value loss;                                                 // float32[]; none: only the norm must be finite
  Value loss_scale;                                           // float32[]: a factor in the gradients; none: 1
};

/// Appends the global norm of flat gradients [N] and the factor that clips it, as
/// torch.nn.utils.clip_grad_norm_. A gradient or loss that is not finite makes the optimizer skip the update:
/// the last good state stays.
ClippedGradient clip_by_norm(Graph& graph, Value gradients, const ClipOptions& options = {});

}  // namespace slipway
