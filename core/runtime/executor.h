#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/graph/graph.h"
#include "core/runtime/memory_plan.h"
#include "core/runtime/recording.h"
#include "core/runtime/variables.h"

namespace slipway {

struct ExecutorOptions {
  Buffer workspace = {};  // shared by executors that run in turn; it is used if it is large enough
  MemoryReuse reuse = MemoryReuse::shared;
  bool capture = false;  // record the second run on a device, and replay it from then on
};

/// A graph made ready to run: memory laid out, implementations chosen. run() allocates nothing.
class Executor {
 public:
  /// `variables` must hold every variable of the graph in the graph's layout; their memory must outlive the
  /// executor. A synchronous stream is not captured.
  Executor(Graph graph, const Stream& stream, const Variables& variables,
           const ExecutorOptions& options = {});

  /// Gives an input its value, of the declared type. On the host it is read where it lies, during run(). On
  /// another device inputs have their own memory, to which the value is copied from there or from the host in
  /// the order of the stream; host memory may be overwritten on return.
  void bind(const std::string& input, const TensorView& view);
  /// Runs every node in order. Every input must have been bound. A device is not waited for: what goes wrong
  /// there shows when a value is read.
  void run();
  /// Runs node by node, waits for each and calls `after(node, context)`; for profiling and for finding a bad
  /// value.
  void run(const std::function<void(int node, const OpContext&)>& after);
  /// As run(), never from a recording: calls `before(node)` before it enqueues each node.
  void run_watched(const std::function<void(int node)>& before);
  /// A named output in the layout in which it was computed, valid until the next run in this workspace.
  TensorView output(const std::string& name) const;
  /// The same as a row-major copy on the host, once the run is done.
  Tensor read(const std::string& name) const;

  const Graph& graph() const { return graph_; }
  const MemoryPlan& memory() const { return memory_; }
  const Buffer& workspace() const { return arena_; }
  /// What replaces the nodes of a captured run; null before it, and where nothing is captured.
  const Recording* recording() const { return recording_ ? &*recording_ : nullptr; }

 private:
  struct Step {
    int node;
    std::unique_ptr<OpState> state;
    OpContext context;
  };
  void prepare(const ExecutorOptions& options, std::vector<std::unique_ptr<OpState>>& states);
  void place_leaf(int index);
  void note_input_uses();
  std::byte* address(const MemoryPlan::Place& place, const Variables& variables) const;
  enum class Wait { no, yes };
  void run_step(Step& step, Wait wait);
  void capture();
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
  std::map<std::string, std::vector<Use>> input_uses_;  // on the host
  std::map<int, Tensor> leaves_;                        // by node: constants, and inputs that lie on a device
  std::map<std::string, TensorView> outputs_;
  std::map<std::string, bool> bound_;
  bool captures_ = false;
  bool has_run_ = false;
  std::optional<Recording> recording_;
};

}  // namespace slipway
