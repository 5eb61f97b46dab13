#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "core/runtime/executor.h"

namespace slipway {

/// What a machine can do at best, measured by small loops of our own.
struct MachineRates {
  double flops_per_second = 0;  // float32 multiply-adds in registers, each two operations
  double bytes_per_second = 0;  // a stream triad over memory that no cache holds
};
MachineRates measure_machine(const Stream& stream);

/// One node of a step: its median time and what it has to do.
struct NodeProfile {
  int node = 0;
  std::string op;
  std::string name;
  std::string type;  // of its first output
  int count = 1;     // nodes added up here
  double seconds = 0;
  Cost cost;
};

/// What a node is and has to do, without a time.
NodeProfile describe_node(const Graph& graph, int node);
/// Runs the step node by node, at least `runs` times; its inputs must have been bound.
std::vector<NodeProfile> profile_step(Executor& executor, int runs);
/// The same with nodes of one op added up.
std::vector<NodeProfile> sum_by_op(const std::vector<NodeProfile>& nodes);

/// The time that the machine needs at least: the longer one of computing and moving memory.
double attainable_seconds(const Cost& cost, const MachineRates& rates);
/// A table, slowest first: time, share of `total`, and rates.
void write_times(std::ostream& out, std::vector<NodeProfile> rows, double total);
/// The same of a whole step, and how much of the attainable speed was reached. More than
/// 100 % of the bandwidth means that values stayed in a cache.
void write_roofline(std::ostream& out, std::vector<NodeProfile> rows, const MachineRates& rates);

}  // namespace slipway
