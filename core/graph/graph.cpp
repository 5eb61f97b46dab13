#include "core/graph/graph.h"

#include <algorithm>
#include <ostream>

namespace slipway {
namespace {

/// "linear 'fc1' (mnist.yaml:14:5): what" - the op's own message may start with its name already.
std::string at_node(const Op& op, const std::string& name, const SourcePosition& where,
                    std::string_view what) {
  const std::string prefix = text(op.name(), ": ");
  if (what.starts_with(prefix)) what.remove_prefix(prefix.size());
  std::string actor(op.name());
  if (!name.empty()) actor += text(" '", name, "'");
  if (where.line > 0) actor = text(where, ": ", actor);
  return text(actor, ": ", what);
}

}  // namespace

Value Graph::input(const std::string& name, const ValueType& type) {
  require(!leaves_.contains(name), "graph: '", name, "' is defined twice");
  const Value value{append({.kind = NodeKind::input, .name = name, .outputs = {type}}), 0};
  leaves_[name] = value;
  return value;
}

Value Graph::variable(const VariableSpec& spec) {
  require(!leaves_.contains(spec.name), "graph: '", spec.name, "' is defined twice");
  const ValueType type(spec.dtype, spec.shape);
  const Value value{append({.kind = NodeKind::variable,
                            .name = spec.name,
                            .outputs = {type},
                            .variable = spec,
                            .where = where_}),
                    0};
  leaves_[spec.name] = value;
  return value;
}

Value Graph::constant(const Tensor& tensor, const std::string& name) {
  return {append({.kind = NodeKind::constant, .name = name, .outputs = {tensor.type()}, .constant = tensor}),
          0};
}

Value Graph::add(OpPtr op, std::vector<Value> inputs, const std::string& name) {
  return add_all(std::move(op), std::move(inputs), name)[0];
}

std::vector<Value> Graph::add_all(OpPtr op, std::vector<Value> inputs, const std::string& name) {
  std::vector<ValueType> types;
  for (const Value input : inputs) {
    require(input.node >= 0 && input.node < static_cast<int>(nodes_.size()), op->name(), " '", name,
            "': an input is not of this graph");
    types.emplace_back(type(input).dtype, type(input).shape);
  }
  std::vector<ValueType> outputs;
  try {
    outputs = op->infer(types);
  } catch (const Error& error) {
    throw UserError(at_node(*op, name, where_, error.what()));
  }
  const int index = append({.name = name,
                            .op = std::move(op),
                            .inputs = std::move(inputs),
                            .outputs = std::move(outputs),
                            .where = where_,
                            .block = block_});
  std::vector<Value> values;
  for (int i = 0; i < static_cast<int>(node(index).outputs.size()); ++i) values.push_back({index, i});
  return values;
}

int Graph::append(Node node) {
  nodes_.push_back(std::move(node));
  const int index = static_cast<int>(nodes_.size()) - 1;
  const Node& added = nodes_.back();
  if (added.kind == NodeKind::input || added.kind == NodeKind::variable) leaves_[added.name] = {index, 0};
  return index;
}

void Graph::update(Value variable, Value result) {
  require(node(variable.node).kind == NodeKind::variable, "graph: only a variable can be updated");
  const Node& writer = node(result.node);
  require(writer.kind == NodeKind::op, "graph: a variable is updated by an op");
  const auto rules = writer.op->in_place();
  const bool in_place = std::any_of(rules.begin(), rules.end(), [&](const InPlace& rule) {
    return rule.rule == InPlace::Rule::required && rule.output == result.output &&
           writer.inputs[static_cast<std::size_t>(rule.input)] == variable;
  });
  require(in_place, writer.op->name(), ": does not update '", node(variable.node).name, "' in place");
  updates_.push_back({variable, result});
}

void Graph::output(const std::string& name, Value value) { outputs_[name] = value; }

Value Graph::drop_output(const std::string& name) {
  const auto node = outputs_.extract(name);
  require(!node.empty(), "graph: there is no output '", name, "'");
  return node.mapped();
}

void Graph::set_layout(Value value, const Layout& layout) {
  nodes_[static_cast<std::size_t>(value.node)].outputs[static_cast<std::size_t>(value.output)].layout =
      layout;
}

void Graph::set_inputs(int node, std::vector<Value> inputs) {
  for (const Value input : inputs)
    require(input.node < node, "graph: node %", node, " would read a later node");
  nodes_[static_cast<std::size_t>(node)].inputs = std::move(inputs);
}

const ValueType& Graph::type(Value value) const {
  return node(value.node).outputs[static_cast<std::size_t>(value.output)];
}

Value Graph::find(const std::string& name) const {
  const auto found = leaves_.find(name);
  return found == leaves_.end() ? Value{} : found->second;
}

std::ostream& operator<<(std::ostream& out, const Graph& graph) {
  for (int i = 0; i < static_cast<int>(graph.nodes().size()); ++i) {
    const Node& node = graph.node(i);
    out << '%' << i << " = ";
    switch (node.kind) {
      case NodeKind::input:
        out << "input";
        break;
      case NodeKind::variable:
        out << "variable";
        break;
      case NodeKind::constant:
        out << "constant";
        break;
      case NodeKind::op:
        out << node.op->name();
        break;
    }
    out << '(';
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      out << (k ? ", " : "") << '%' << node.inputs[k].node;
      if (node.inputs[k].output) out << '.' << node.inputs[k].output;
    }
    out << ')';
    if (node.op && !node.op->attributes().empty()) out << " {" << node.op->attributes() << '}';
    for (const ValueType& type : node.outputs) out << ' ' << type;
    if (!node.name.empty()) out << "  # " << node.name;
    out << '\n';
  }
  for (const auto& [name, value] : graph.outputs()) {
    out << "output " << name << " = %" << value.node << '.' << value.output << '\n';
  }
  return out;
}

}  // namespace slipway
