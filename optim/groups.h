#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/component.h"
#include "core/runtime/variables.h"
#include "kernels/optimizer.h"

namespace slipway {

/// Settings for the parameters whose names match a pattern:
/// `groups: [{pattern: "*.bias", weight_decay: 0, learning_rate_scale: 0.1}]`.
struct ParameterGroup : Component {
  std::string pattern;
  std::optional<double> weight_decay;
  std::optional<double> learning_rate_scale;

  void fields(FieldVisitor& visit) override;
};

/// The groups of a `groups:` list; mistakes go to `errors`.
std::vector<ParameterGroup> read_groups(const ConfigNode& list, ConfigErrors& errors);

/// The segments of an arena of parameters, in order, neighbours of equal settings merged. A parameter takes
/// `weight_decay` if its VariableSpec asks for decay (norms and biases don't), then what the groups that
/// match its name say, later groups last. UserError for a group that matches no parameter.
std::vector<Segment> parameter_segments(const VariableArena& arena, const Graph& graph, double weight_decay,
                                        const std::vector<ParameterGroup>& groups);

}  // namespace slipway
