#pragma once

#include <vector>

#include "core/base/component.h"
#include "core/graph/graph.h"
#include "optim/groups.h"

namespace slipway {

/// Parameters that are neighbours in their arena.
struct UpdateRange {
  std::int64_t begin = 0, end = 0;  // elements
};

/// What one update of the parameters reads, as values of the graph. The parameters and their gradients are
/// flat arenas: an update does not care about shapes and layouts.
struct UpdateInputs {
  Value parameters;                 // [N], a variable
  std::vector<UpdateRange> ranges;  // of those that are updated, S in all, in order; none: all N
  Value gradients;                  // [S], of one range after another
  Value learning_rate;              // float32[]
  Value step;                       // int64[]: updates done before this one
  Value gradient_scale;  // float32[]: multiplies the gradients (clipping, 1 / accumulated batches); none: 1
};

/// How gradients change parameters.
class Optimizer : public Component {
 public:
  static constexpr const char* kKind = "optimizer";

  double learning_rate = 0;  // before the schedule
  double weight_decay = 0;

  void check(ConfigErrors& errors) const override { read_groups(groups_, errors); }

  /// The settings of each part of the arena, from weight decay and groups. UserError for a group that matches
  /// nothing.
  std::vector<Segment> segments(const VariableArena& parameters, const Graph& graph) const;
  /// Appends the update of the parameters and of its own state: flat variables [S] that start at zero, named
  /// "optimizer.first_moment" and the like. If the gradient scale is not finite, the update changes nothing.
  virtual void build(Graph& graph, const UpdateInputs& inputs,
                     const std::vector<Segment>& segments) const = 0;
  /// Whether a variable is such state.
  static bool is_state(const std::string& variable) { return variable.starts_with(kStatePrefix); }
  static constexpr const char* kStatePrefix = "optimizer.";

 protected:
  /// The fields that every optimizer has; the members hold the defaults.
  void common_fields(FieldVisitor& visit, const char* weight_decay_help);

 private:
  ConfigNode groups_;
};

}  // namespace slipway
