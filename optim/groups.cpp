#include "optim/groups.h"

#include "core/base/glob.h"

namespace slipway {

void ParameterGroup::fields(FieldVisitor& visit) {
  visit.field(
      "pattern", pattern,
      {.help = "which parameters, by name: `*` stands for any characters, `?` for one", .required = true});
  visit.field("weight_decay", weight_decay, {.help = "instead of the optimizer's", .min = 0});
  visit.field("learning_rate_scale", learning_rate_scale, {.help = "multiplies the learning rate", .min = 0});
}

std::vector<ParameterGroup> read_groups(const ConfigNode& list, ConfigErrors& errors) {
  std::vector<ParameterGroup> groups;
  if (list.is_null()) return groups;
  if (!list.is_sequence()) {
    errors.add(list.where(), "groups: expected a list of {pattern, weight_decay, learning_rate_scale}");
    return groups;
  }
  for (const ConfigNode& item : list.items()) read_component(item, groups.emplace_back(), errors);
  return groups;
}

std::vector<Segment> parameter_segments(const VariableArena& arena, const Graph& graph, double weight_decay,
                                        const std::vector<ParameterGroup>& groups) {
  std::vector<Segment> segments;
  std::vector<bool> matched(groups.size(), false);
  for (const VariableArena::Member& member : arena.members) {
    const Value variable = graph.find(member.name);
    require(static_cast<bool>(variable), "optimizer: the graph has no parameter '", member.name, "'");
    Segment segment{.begin = member.offset,
                    .end = member.offset + member.elements,
                    .weight_decay = graph.node(variable.node).variable.decay ? weight_decay : 0};
    for (std::size_t i = 0; i < groups.size(); ++i) {
      if (!matches_glob(groups[i].pattern, member.name)) continue;
      matched[i] = true;
      segment.weight_decay = groups[i].weight_decay.value_or(segment.weight_decay);
      segment.learning_rate_scale = groups[i].learning_rate_scale.value_or(segment.learning_rate_scale);
    }
    // The gaps between members hold zeros, which every update keeps as they are.
    if (!segments.empty() && segments.back().weight_decay == segment.weight_decay &&
        segments.back().learning_rate_scale == segment.learning_rate_scale) {
      segments.back().end = segment.end;
    } else {
      segments.push_back(segment);
    }
  }
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (matched[i]) continue;
    std::string names;
    for (const VariableArena::Member& member : arena.members) {
      names += (names.empty() ? "" : ", ") + member.name;
    }
    throw UserError(text(groups[i].where, ": groups: no parameter matches '", groups[i].pattern,
                         "'; the parameters are ", names));
  }
  return segments;
}

}  // namespace slipway
