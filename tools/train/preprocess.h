#pragma once

#include <vector>

#include "core/graph/scope.h"
#include "data/graph_step.h"

namespace slipway {

/// Appends the graph's share of the preprocessing to a batch and returns what the first layer reads. Values
/// come in the dtype of the dataset and leave in the scope's; without steps, a floating-point input is cast
/// if need be and any other (token ids) stays as it is.
Value preprocess(const Scope& scope, Value batch, const std::vector<GraphStep>& steps);

}  // namespace slipway
