#pragma once

#include <vector>

#include "core/graph/passes/forward_part.h"

namespace slipway {

/// The forward pass cut into parts that follow one another: the first position of each.
using Segments = std::vector<int>;

/// A cut wherever one block of the model (Node::block) follows another; ops between blocks are parts too.
Segments block_segments(const ForwardPart& forward);

/// The cuts for which the most memory that values of the forward pass take at any time is smallest: while a
/// segment's gradients are computed, what goes from it and from segments before it to later ones, and what of
/// it the backward pass reads. With `slack`, the cuts that need the least to go between segments for that
/// many times as much memory.
Segments smallest_segments(const ForwardPart& forward, double slack = 1);

}  // namespace slipway
