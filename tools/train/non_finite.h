#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/runtime/executor.h"

namespace slipway {

/// The first value of a step that is not finite.
struct NonFinite {
  int node = 0;                       // of the graph
  std::string source;                 // what computed it: "conv2d 'conv2d_1' (run.yaml:7:5)"
  std::vector<std::int64_t> samples;  // rows of the batch that hold it; empty: the value has no row a sample
};

/// Runs a training step whose inputs are bound, node by node, and looks at every value; none if all are
/// finite. The graph should not be fused: a fused relu may turn a NaN into 0.
std::optional<NonFinite> find_non_finite(Executor& executor, std::int64_t batch_size);

}  // namespace slipway
