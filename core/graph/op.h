#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/graph/value.h"
#include "core/tensor/tensor.h"

namespace slipway {

class Graph;
class OnnxSink;
class Op;
using OpPtr = std::shared_ptr<const Op>;

/// Floating-point operations and bytes read and written, for summary and roofline.
struct Cost {
  double flops = 0;
  double bytes = 0;
};

/// How an output may share memory with an input.
struct InPlace {
  enum class Rule {
    allowed,  // the op works when both are the same memory
    required  // the output is the input's memory: a view, or an update of a variable
  };
  int output = 0;
  int input = 0;
  Rule rule = Rule::allowed;
};

/// Which layouts an op's values may have; the layout pass inserts reorders where a value arrives differently.
enum class LayoutRule {
  row_major,    // every value row-major
  elementwise,  // values of the output's shape share one layout, whatever it is; others row-major
  channels,     // values of the leading input's rank share its nesting and channel blocks; others row-major
  chosen        // asked of choose_layouts
};

/// One layout per input and output.
struct LayoutChoice {
  std::vector<Layout> inputs;
  std::vector<Layout> outputs;
};

/// In which type an op wants a floating-point input where a model is computed in 16 bits (lower_precision).
enum class InputPrecision {
  full,     // float32: sums over many elements, exponentials, losses, statistics and parameters of norms
  reduced,  // 16 bits: the factors of products, in which a model spends its time
  follows   // as it arrives: ops that move elements, or compute each from a few
};

/// How a backward pass computes outputs of a node again instead of keeping them: by another op, from inputs
/// of the node and from outputs of it that are small enough to keep.
struct Recomputation {
  enum class Of { inputs, outputs };
  struct Operand {
    Of of;
    int index;
  };
  OpPtr op;
  std::vector<Operand> operands;  // what `op` reads, of the node
  std::vector<int> outputs;       // of the node: those that `op` computes, in its order
};

/// What an op keeps for one node of one plan: vendor primitives, a chosen implementation.
class OpState {
 public:
  virtual ~OpState() = default;
};

/// Final types of one node, for choosing an implementation before the first step.
struct PrepareContext {
  const Stream& stream;
  std::span<const ValueType> inputs;
  std::span<const ValueType> outputs;
  std::size_t scratch_bytes = 0;  // set by the op: 64-byte aligned memory for the time of run()
};

/// Where one node's values lie; everything run() may touch.
struct OpContext {
  const Stream& stream;
  std::vector<TensorView> inputs;
  std::vector<TensorView> outputs;
  std::byte* scratch = nullptr;
  OpState* state = nullptr;  // what prepare() returned

  const TensorView& input(int i) const { return inputs[static_cast<std::size_t>(i)]; }
  const TensorView& output(int i = 0) const { return outputs[static_cast<std::size_t>(i)]; }
  template <class State>
  State& prepared() const {
    return static_cast<State&>(*state);
  }
};

/// One node as its gradient sees it.
class VjpContext {
 public:
  VjpContext(Graph& graph, int node, std::vector<Value> gradients, std::vector<bool> needed)
      : graph_(graph), node_(node), gradients_(std::move(gradients)), needed_(std::move(needed)) {}

  Graph& graph() { return graph_; }
  Value input(int i) const;
  Value output(int i = 0) const { return {node_, i}; }
  int inputs() const;
  const ValueType& type(Value value) const;
  /// The gradient of output i; none if the loss does not depend on it.
  Value gradient(int i = 0) const { return gradients_[static_cast<std::size_t>(i)]; }
  /// Whether the gradient of input i is asked for; returning it anyway costs nothing but dead nodes.
  bool needs(int i) const { return needed_[static_cast<std::size_t>(i)]; }
  /// Adds a node to the graph and returns its first output.
  Value add(OpPtr op, std::vector<Value> inputs);
  std::vector<Value> add_all(OpPtr op, std::vector<Value> inputs);
  template <class OpType>
  Value add(OpType op, std::vector<Value> inputs) {
    return add(OpPtr(std::make_shared<const OpType>(std::move(op))), std::move(inputs));
  }
  template <class OpType>
  std::vector<Value> add_all(OpType op, std::vector<Value> inputs) {
    return add_all(OpPtr(std::make_shared<const OpType>(std::move(op))), std::move(inputs));
  }

 private:
  Graph& graph_;
  int node_;
  std::vector<Value> gradients_;
  std::vector<bool> needed_;
};

/// A mathematical operation: shapes, execution, gradient, cost and ONNX form. Immutable; attributes are
/// members.
class Op {
 public:
  virtual ~Op() = default;

  /// "conv2d", "relu"
  virtual std::string_view name() const = 0;
  /// Attributes for printing and for telling apart two ops of one name: "kernel=[3, 3] stride=[1, 1]".
  virtual std::string attributes() const { return {}; }
  /// Output types for input types; layouts are ignored and returned row-major. Throws Error on a mismatch.
  virtual std::vector<ValueType> infer(std::span<const ValueType> inputs) const = 0;

  /// Work that happens once per plan, with final types and layouts.
  virtual std::unique_ptr<OpState> prepare(PrepareContext& context) const;
  /// Computes the outputs. Enqueues only: never allocates, never waits.
  virtual void run(OpContext& context) const = 0;

  /// Gradients of the inputs as graph nodes; none for an input that has none. Default: Error, no gradient.
  virtual std::vector<Value> vjp(VjpContext& context) const;
  /// Default: no flops, every input read once and every output written once.
  virtual Cost cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const;
  /// Default: Error, no ONNX form.
  virtual void to_onnx(OnnxSink& sink) const;

  /// How the outputs are computed a second time. Default: none, the op itself runs again if it updates no
  /// variable; the values of one that does are then kept.
  virtual std::optional<Recomputation> recomputation() const { return std::nullopt; }

  virtual std::vector<InPlace> in_place() const { return {}; }
  virtual LayoutRule layout_rule() const { return LayoutRule::row_major; }
  /// For LayoutRule::chosen. `inputs` carry the layouts in which they arrive.
  virtual LayoutChoice choose_layouts(const Stream& stream, std::span<const ValueType> inputs,
                                      std::span<const ValueType> outputs) const;
  /// An op with inputs that follow must infer 16-bit outputs from 16-bit inputs.
  virtual InputPrecision input_precision(int) const { return InputPrecision::full; }
  /// Byte offsets of the inputs in output 0, for an op that only puts its inputs side by side in memory: the
  /// planner then lets their producers write there. Empty for every other op.
  virtual std::vector<std::size_t> packing_offsets() const { return {}; }

  /// Whether the op starts something that goes on while others run: start_early() then moves it and what it
  /// needs to where its inputs are there.
  virtual bool starts_early() const { return false; }
  /// Whether the op makes one value for all parts of a batch, from an input of each: join_parts() then keeps
  /// one of them, which reads what comes from all graphs. Until then it has the input of its own graph.
  virtual bool joins_parts() const { return false; }

  /// Fusion: this op followed by `consumer`, whose input `input` is this op's output `output`, as one op. Its
  /// inputs are this op's, then the consumer's others; its outputs are this op's with `output` replaced by
  /// the consumer's only output. Null if there is no such op; it need not look at types: a fused op whose
  /// infer() refuses them is not taken.
  virtual OpPtr fuse_consumer(int output, const Op& consumer, int input) const;
  /// The same seen from the consumer: `producer` (of one output) feeds input `input` of this op. The fused
  /// op's inputs are the producer's, then this op's others; its outputs are this op's.
  virtual OpPtr fuse_producer(const Op& producer, int input) const;
};

/// Error if the number of inputs differs from `expected`.
void expect_inputs(const Op& op, std::span<const ValueType> inputs, std::size_t expected);
/// Error unless input `i` has the given rank.
void expect_rank(const Op& op, std::span<const ValueType> inputs, int i, int rank);

/// Runs one op on tensors at once: no model needed. Inputs must be row-major and on the stream's
/// device, where its outputs are then.
std::vector<Tensor> run_op(const Op& op, std::span<const Tensor> inputs, const Stream& stream = {});
template <class OpType>
Tensor run_op(const OpType& op, std::initializer_list<Tensor> inputs, const Stream& stream = {}) {
  return run_op(static_cast<const Op&>(op), std::vector<Tensor>(inputs), stream).front();
}

}  // namespace slipway
