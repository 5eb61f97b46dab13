#pragma once

#include <vector>

#include "core/graph/scope.h"
#include "data/graph_step.h"
#include "data/pipeline.h"

namespace slipway {

/// Appends the graph's share of the preprocessing to a batch and returns what the first layer reads. Values
/// come in the dtype of the dataset and leave in the scope's; without steps, a floating-point input is cast
/// if need be and any other (token ids) stays as it is.
Value preprocess(const Scope& scope, Value batch, const std::vector<GraphStep>& steps);

/// Appends what a pipeline has left to the graph of its image transforms.
/// images: [batch, channels, height, width]; regions: int32 [batch, steps, ImageRegion::kNumbers]
Value take_regions(const Scope& scope, Value images, Value regions, const std::vector<RegionStep>& steps);

}  // namespace slipway
