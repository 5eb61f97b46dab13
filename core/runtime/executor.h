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

  /// Binds an input to memory of the declared type. On the executor's device it is read during run(); host
  /// memory is copied to another device here, and may be overwritten on return.
  void bind(const std::string& input, const TensorView& view);
  /// Runs every node in order. Every input must have been bound. A device is not waited for: what goes wrong
  /// there shows when a value is read.
  void run();
  /// Runs node by node, waits for each and calls `after(node, context)`; for profiling and for finding a bad
  /// value.
  void run(const std::function<void(int node, const OpContext&)>& after);
  /// A named output in the layout in which it was computed, valid until the next run in this workspace.
  TensorView output(const std::string& name) const;
  /// The same as a row-major copy on the host, once the run is done.
  Tensor read(const std::string& name) const;

  const Graph& graph() const { return graph_; }
  const MemoryPlan& memory() const { return memory_; }
  const Buffer& workspace() const { return arena_; }

 private:
  struct Step {
    int node;
    std::unique_ptr<OpState> state;
    OpContext context;
  };
  void prepare(MemoryReuse reuse, const Buffer& workspace, std::vector<std::unique_ptr<OpState>>& states);
  void note_input_uses();
  std::byte* address(const MemoryPlan::Place& place, const Variables& variables) const;
  enum class Wait { no, yes };
  void run_step(Step& step, Wait wait);
  void expect_bound() const;

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
  std::map<int, Tensor> constants_;              // by node, on the device
  std::map<std::string, Tensor> copied_inputs_;  // on the device, of what was bound on the host
  std::map<std::string, TensorView> outputs_;
  std::map<std::string, bool> bound_;
};

}  // namespace slipway
