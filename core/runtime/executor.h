#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/graph/graph.h"
#include "core/runtime/memory_plan.h"
#include "core/runtime/variables.h"

namespace slipway {

/// A graph made ready to run: memory laid out, implementations chosen. run() allocates nothing.
class Executor {
 public:
  /// `variables` must hold every variable of the graph in the graph's layout; their memory must outlive the
  /// executor. Executors that run in turn may share one `workspace`: it is used if it is large enough.
  Executor(Graph graph, const Stream& stream, const Variables& variables, const Buffer& workspace = {},
           MemoryReuse reuse = MemoryReuse::shared);

  /// Binds an input to memory of the declared type; it is read during run().
  void bind(const std::string& input, const TensorView& view);
  /// Runs every node in order. Every input must have been bound.
  void run();
  /// Runs node by node and calls `after(node, context)` between; for profiling and for finding a bad value.
  void run(const std::function<void(int node, const OpContext&)>& after);
  /// A named output in the layout in which it was computed, valid until the next run in this workspace.
  TensorView output(const std::string& name) const;

  const Graph& graph() const { return graph_; }
  const MemoryPlan& memory() const { return memory_; }
  const Buffer& workspace() const { return arena_; }

 private:
  struct Step {
    int node;
    std::unique_ptr<OpState> state;
    OpContext context;
  };
  std::byte* address(const MemoryPlan::Place& place, const Variables& variables) const;
  void run_step(Step& step);

  Stream stream_;
  Graph graph_;
  MemoryPlan memory_;
  Buffer arena_;
  std::vector<Step> steps_;
  struct Use {  // a view inside a step that points into a bound input
    TensorView* view;
    std::size_t offset;
  };
  std::map<std::string, std::vector<Use>> input_uses_;
  std::map<std::string, TensorView> outputs_;
  std::map<std::string, bool> bound_;
};

}  // namespace slipway
