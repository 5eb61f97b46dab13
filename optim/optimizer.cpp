#include "optim/optimizer.h"

namespace slipway {

void Optimizer::common_fields(FieldVisitor& visit, const char* weight_decay_help) {
  visit.field("learning_rate", learning_rate,
              {.help = "step size, before the schedule", .positional = true, .min = 0});
  visit.field("weight_decay", weight_decay, {.help = weight_decay_help, .min = 0});
  visit.field("groups", groups_,
              {.help = "other settings for some parameters: a list of {pattern, weight_decay, "
                       "learning_rate_scale}; by default norms and biases do not decay"});
}

std::vector<Segment> Optimizer::segments(const VariableArena& parameters, const Graph& graph) const {
  ConfigErrors errors;
  const std::vector<ParameterGroup> groups = read_groups(groups_, errors);
  errors.throw_if_any();
  return parameter_segments(parameters, graph, weight_decay, groups);
}

}  // namespace slipway
