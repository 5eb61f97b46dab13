#pragma once

#include "core/graph/graph.h"

namespace slipway {

/// Appends `sum += x` for a variable `sum` of x's type; returns the new sum. Gradients of several batches add
/// up thus before one update.
Value accumulate(Graph& graph, Value sum, Value x);
/// Appends `variable = 0`, after everything so far has read it.
Value set_zero(Graph& graph, Value variable);

}  // namespace slipway
