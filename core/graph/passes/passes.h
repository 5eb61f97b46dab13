#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/graph/graph.h"
#include "core/graph/structural_ops.h"

namespace slipway {

/// Drops nodes that no output and no update depends on. Inputs stay.
Graph eliminate_dead_nodes(const Graph& graph);

/// Computes a float32 graph in mixed precision, before its gradients are appended: products and what follows
/// them (Op::input_precision) in `reduced`, float16 or bfloat16, everything else in float32. Casts stand only
/// where the two meet, one a value. Variables, inputs and outputs of the graph stay float32.
Graph lower_precision(const Graph& graph, DType reduced, const StructuralOps& ops);

/// Merges the casts of variables to one type, as lower_precision makes them of weights, into one op: one
/// kernel instead of one a weight. For after assign_layouts, and before updates are appended.
Graph gather_casts(const Graph& graph, const StructuralOps& ops);

/// Merges producers with their only consumer where one of the two offers a fused op, until nothing changes.
Graph fuse(const Graph& graph);

/// Merges ops that work element by element into one wherever only it reads what lies between: their values
/// then pass from one to the next in registers or cache. Comes after fuse(), which knows better.
Graph fuse_chains(const Graph& graph, const StructuralOps& ops);

/// Gives every value its placement in memory. Ops that choose layouts (convolutions) decide, their neighbours
/// follow, reorders are inserted at the edges; a variable takes the layout of the first op that chooses for
/// it, unless `fixed` says where it lies already. Outputs of the graph keep the layout in which they are
/// produced.
Graph assign_layouts(const Graph& graph, const Stream& stream, const StructuralOps& ops,
                     const std::function<std::optional<Layout>(const std::string& variable)>& fixed);

/// Makes one graph of several for parts of a batch, built alike: node by node side by side, the inputs and
/// outputs of part i > 0 named "NAME#i". Variables, and whatever is computed from them alone, are there once;
/// so is what joins the parts (Op::joins_parts), and all that depends on nothing else.
Graph join_parts(const std::vector<Graph>& parts);
std::string part_name(const std::string& name, int part);

/// Moves ops that start something (Op::starts_early), and what leads to nothing but them, to where their
/// inputs are there; everything else keeps its order.
Graph start_early(const Graph& graph);

}  // namespace slipway
