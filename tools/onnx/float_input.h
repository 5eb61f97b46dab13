#pragma once

#include "core/graph/graph.h"

namespace slipway {

/// The same graph with float32 in the place of uint8 inputs: pixels of 0 to 255 as every JavaScript runtime
/// takes them. Other inputs stay.
Graph with_float_inputs(const Graph& graph);

}  // namespace slipway
