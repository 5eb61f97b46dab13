#pragma once

#include <span>
#include <vector>

#include "core/graph/graph.h"
#include "core/graph/structural_ops.h"

namespace slipway {

/// Appends nodes that compute the gradient of the scalar `loss` with respect to each value of `wrt`; none
/// where the loss does not depend on one. Reverse-mode: each op's vjp is called once, later nodes first.
std::vector<Value> gradients(Graph& graph, Value loss, std::span<const Value> wrt, const StructuralOps& ops);

}  // namespace slipway
