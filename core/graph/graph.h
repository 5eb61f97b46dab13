#pragma once

#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/config_node.h"
#include "core/graph/op.h"

namespace slipway {

/// A value that outlives a step: a parameter that the optimizer learns, or state such as a running mean.
struct VariableSpec {
  std::string name;  // unique in the model: "conv1.weight"
  DType dtype = DType::float32;
  Shape shape;
  /// Fills a row-major host tensor of the variable's type with its first value.
  std::function<void(const TensorView&)> initialize;
  bool trainable = false;
  bool decay = false;  // weight decay applies by default
};

enum class NodeKind { input, variable, constant, op };

struct Node {
  NodeKind kind = NodeKind::op;
  std::string name;           // of the layer, input or variable it came from
  OpPtr op;                   // of an op
  std::vector<Value> inputs;  // of an op
  std::vector<ValueType> outputs;
  Tensor constant;        // of a constant
  VariableSpec variable;  // of a variable
  SourcePosition where;   // in the configuration
  std::string block;      // of the model that it is part of (BlockMark); "" between blocks
};

/// A variable whose memory takes the value of a node when that node runs.
struct VariableUpdate {
  Value variable;
  Value result;
};

/// A computation as a list of nodes in an order in which they can run. Nodes are only ever appended; a pass
/// makes a new graph from an old one.
class Graph {
 public:
  Value input(const std::string& name, const ValueType& type);
  Value variable(const VariableSpec& spec);
  Value constant(const Tensor& tensor, const std::string& name = "constant");
  /// Appends an op; its output types are inferred, and an error names the node and its place in the config.
  Value add(OpPtr op, std::vector<Value> inputs, const std::string& name = "");
  std::vector<Value> add_all(OpPtr op, std::vector<Value> inputs, const std::string& name = "");
  template <class OpType>
  Value add(OpType op, std::vector<Value> inputs, const std::string& name = "") {
    return add(OpPtr(std::make_shared<const OpType>(std::move(op))), std::move(inputs), name);
  }
  template <class OpType>
  std::vector<Value> add_all(OpType op, std::vector<Value> inputs, const std::string& name = "") {
    return add_all(OpPtr(std::make_shared<const OpType>(std::move(op))), std::move(inputs), name);
  }
  /// Appends a node as it is, with its inputs already in this graph; for passes.
  int append(Node node);

  /// `result` becomes the new content of `variable`; its op must declare it as a required in-place output.
  void update(Value variable, Value result);
  /// Names a value that can be read after a run.
  void output(const std::string& name, Value value);
  /// Takes a name back and returns its value.
  Value drop_output(const std::string& name);
  /// Gives the memory placement of a value; for the layout pass.
  void set_layout(Value value, const Layout& layout);
  /// Replaces a node's inputs by values of equal shapes that come before it; for passes.
  void set_inputs(int node, std::vector<Value> inputs);
  /// Nodes appended from here on carry this place of the configuration.
  void set_position(const SourcePosition& where) { where_ = where; }
  const SourcePosition& position() const { return where_; }
  /// Ops added from here on are part of this block of the model.
  void set_block(const std::string& block) { block_ = block; }
  const std::string& block() const { return block_; }

  const std::vector<Node>& nodes() const { return nodes_; }
  const Node& node(int index) const { return nodes_[static_cast<std::size_t>(index)]; }
  const ValueType& type(Value value) const;
  const std::map<std::string, Value>& outputs() const { return outputs_; }
  const std::vector<VariableUpdate>& updates() const { return updates_; }
  /// The input or variable of that name; none if there is none.
  Value find(const std::string& name) const;

 private:
  std::vector<Node> nodes_;
  std::map<std::string, Value> outputs_;
  std::map<std::string, Value> leaves_;
  std::vector<VariableUpdate> updates_;
  SourcePosition where_;
  std::string block_;
};

/// One line a node: %5 = relu(%4) float32[64, 10]  # fc1
std::ostream& operator<<(std::ostream& out, const Graph& graph);

}  // namespace slipway
