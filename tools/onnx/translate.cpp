#include "tools/onnx/translate.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <optional>
#include <set>

#include "core/graph/passes/passes.h"

namespace slipway {
namespace {

constexpr std::size_t kSharedConstantBytes = 1 << 16;  // larger constants are not searched for equal ones
// Batch sizes that tell a dimension that varies from one that doesn't.
constexpr std::int64_t kFirstBatch = 2, kSecondBatch = 3;

std::vector<std::int64_t> list(const Dims& dims) { return {dims.begin(), dims.end()}; }

std::string lower_case(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return lower;
}

Graph prepared(const Graph& graph) {
  require(graph.updates().empty(), "ONNX export: the graph updates variables, expected one for inference");
  return eliminate_dead_nodes(graph);
}

/// Carries a graph over node by node. With a second graph, built for another batch size, it knows which
/// dimensions vary.
class Translator {
 public:
  Translator(Graph graph, std::optional<Graph> other, const Variables& variables)
      : graph_(std::move(graph)), other_(std::move(other)), variables_(variables) {
    if (other_) check_same_structure();
  }
  OnnxGraph run();

 private:
  class Sink;

  void check_same_structure() const;
  std::string unique(const std::string& wanted);
  std::string label(int node) const;
  void name_values();
  void declare_inputs();
  void declare_outputs();
  bool fold_constant(int node);
  void emit(int node);

  const ValueType& type(Value value) const { return graph_.type(value); }
  OnnxValueInfo::Dimension dimension(Value value, int axis) const;
  bool varies(Value value, int axis) const {
    return other_ && other_->type(value).shape[axis] != type(value).shape[axis];
  }
  std::vector<int> varying_axes(Value value) const;
  OnnxValueInfo describe(Value value, const std::string& name) const;

  Tensor known(Value value) const;
  std::string read(Value value);
  std::string add_constant(const Tensor& value, const std::string& name);
  std::string batch_shape(Value value, const std::string& base);

  Graph graph_;
  std::optional<Graph> other_;
  const Variables& variables_;
  OnnxGraph onnx_;
  std::set<std::string> taken_;
  std::map<Value, std::string> names_;
  std::map<Value, Tensor> folded_;
  std::map<std::string, std::string> constants_;  // name by content
};

/// The view of the translator that the op of one node has.
class Translator::Sink : public OnnxSink {
 public:
  Sink(Translator& translator, int node) : t_(translator), index_(node), node_(t_.graph_.node(node)) {}

  int inputs() const override { return static_cast<int>(node_.inputs.size()); }
  std::string input(int i) const override { return t_.read(argument(i)); }
  std::string output(int i) const override { return t_.names_.at({index_, i}); }
  const ValueType& input_type(int i) const override { return t_.type(argument(i)); }
  const ValueType& output_type(int i) const override { return t_.type({index_, i}); }

  void emit(std::string_view op_type, std::vector<std::string> inputs, std::vector<std::string> outputs,
            std::vector<OnnxAttribute> attributes) override {
    const bool whole = !inputs.empty() && !node_.inputs.empty() && inputs[0] == input(0) &&
                       !outputs.empty() && outputs[0] == output(0);
    if (op_type == "Reshape" && whole && t_.describe(argument(0), "").shape == shape() && same_type()) {
      return append("Identity", {inputs[0]}, std::move(outputs), {});
    }
    if (op_type == "Cast" && whole && same_type()) {
      return append("Identity", std::move(inputs), std::move(outputs), {});
    }
    if (op_type == "Reshape" && whole) {  // a 0 would copy a size from the input
      const Shape& to = output_type(0).shape;
      if (std::find(to.begin(), to.end(), 0) != to.end()) attributes.push_back({"allowzero", 1});
    }
    append(op_type, std::move(inputs), std::move(outputs), std::move(attributes));
  }

  std::string node(std::string_view op_type, std::vector<std::string> inputs,
                   std::vector<OnnxAttribute> attributes) override {
    const std::string result = t_.unique(text(t_.label(index_), '/', lower_case(op_type)));
    append(op_type, std::move(inputs), {result}, std::move(attributes));
    return result;
  }

  std::string constant(const Tensor& value, std::string_view hint) override {
    return t_.add_constant(value, text(t_.label(index_), '/', hint));
  }

  std::string shape_of_output(int i) override {
    const std::vector<int> varying = t_.varying_axes({index_, i});
    require(varying.size() <= 1, "ONNX export: ", t_.label(index_),
            ": more than one dimension of its output ", output_type(i), " depends on the batch size");
    std::vector<std::int64_t> sizes = list(output_type(i).shape);
    for (const int axis : varying) sizes[static_cast<std::size_t>(axis)] = -1;
    return constant(Tensor::of<std::int64_t>({output_type(i).shape.rank()}, sizes), "shape");
  }

  std::string expanded_shape_of_output(int i) override {
    const Shape& shape = output_type(i).shape;
    std::vector<std::int64_t> sizes = list(shape);
    bool known = true;
    for (const int axis : t_.varying_axes({index_, i})) {  // what the input has already, 1 keeps
      const int own = node_.inputs.empty() ? -1 : axis - shape.rank() + input_type(0).shape.rank();
      known = known && own >= 0 && t_.varies(argument(0), own);
      sizes[static_cast<std::size_t>(axis)] = 1;
    }
    if (!known) return t_.batch_shape({index_, i}, t_.label(index_));
    return constant(Tensor::of<std::int64_t>({shape.rank()}, sizes), "shape");
  }

  Tensor input_value(int i) const override { return t_.known(argument(i)); }

 private:
  Value argument(int i) const { return node_.inputs.at(static_cast<std::size_t>(i)); }
  std::vector<OnnxValueInfo::Dimension> shape() const { return t_.describe({index_, 0}, "").shape; }
  bool same_type() const { return input_type(0).dtype == output_type(0).dtype; }

  void append(std::string_view op_type, std::vector<std::string> inputs, std::vector<std::string> outputs,
              std::vector<OnnxAttribute> attributes) {
    t_.onnx_.nodes.push_back({.op_type = std::string(op_type),
                              .name = outputs.at(0),
                              .inputs = std::move(inputs),
                              .outputs = std::move(outputs),
                              .attributes = std::move(attributes)});
  }

  Translator& t_;
  int index_;
  const Node& node_;
};

void Translator::check_same_structure() const {
  const char* const message = "ONNX export: the graph's nodes depend on the batch size";
  require(graph_.nodes().size() == other_->nodes().size() && graph_.outputs() == other_->outputs(), message);
  for (int i = 0; i < static_cast<int>(graph_.nodes().size()); ++i) {
    const Node &a = graph_.node(i), &b = other_->node(i);
    require(a.kind == b.kind && a.name == b.name && a.inputs == b.inputs &&
                a.outputs.size() == b.outputs.size() &&
                (a.kind != NodeKind::op || a.op->name() == b.op->name()),
            message, ": ", a.name);
    for (std::size_t output = 0; output < a.outputs.size(); ++output) {
      const Shape &first = a.outputs[output].shape, &second = b.outputs[output].shape;
      bool multiples = first.rank() == second.rank();
      for (int axis = 0; multiples && axis < first.rank(); ++axis) {
        multiples = first[axis] == second[axis] || first[axis] * kSecondBatch == second[axis] * kFirstBatch;
      }
      require(multiples, "ONNX export: ", label(i), ": its shape is ", first, " for ", kFirstBatch,
              " samples and ", second, " for ", kSecondBatch, ", expected multiples of the batch size");
      require(a.kind == NodeKind::input || a.kind == NodeKind::op || first == second, message, ": ", a.name);
    }
  }
}

std::string Translator::unique(const std::string& wanted) {
  std::string name = wanted;
  for (int number = 2; !taken_.insert(name).second; ++number) name = text(wanted, '_', number);
  return name;
}

std::string Translator::label(int node) const {
  const Node& n = graph_.node(node);
  return n.name.empty() && n.op ? std::string(n.op->name()) : n.name;
}

/// Inputs, outputs and variables keep their names. The last op of a layer has the layer's name, those before
/// it add their own.
void Translator::name_values() {
  for (const auto& [name, value] : graph_.outputs()) unique(name);
  for (int i = 0; i < static_cast<int>(graph_.nodes().size()); ++i) {
    const Node& node = graph_.node(i);
    if (node.kind != NodeKind::input && node.kind != NodeKind::variable) continue;
    require(taken_.insert(node.name).second, "ONNX export: there are two values of the name '", node.name,
            "'");
    names_[{i, 0}] = node.name;
  }
  for (const auto& [name, value] : graph_.outputs()) {
    if (graph_.node(value.node).kind == NodeKind::op) names_.try_emplace(value, name);
  }
  std::map<std::string, int> last;
  for (int i = 0; i < static_cast<int>(graph_.nodes().size()); ++i) last[label(i)] = i;
  for (int i = 0; i < static_cast<int>(graph_.nodes().size()); ++i) {
    const Node& node = graph_.node(i);
    if (node.kind != NodeKind::op) continue;
    const std::string base = last[label(i)] == i ? label(i) : text(label(i), '/', node.op->name());
    for (int output = 0; output < static_cast<int>(node.outputs.size()); ++output) {
      if (names_.contains({i, output})) continue;
      names_[{i, output}] = unique(output == 0 ? base : text(base, ':', output));
    }
  }
}

std::vector<int> Translator::varying_axes(Value value) const {
  std::vector<int> axes;
  for (int axis = 0; axis < type(value).shape.rank(); ++axis) {
    if (varies(value, axis)) axes.push_back(axis);
  }
  return axes;
}

OnnxValueInfo::Dimension Translator::dimension(Value value, int axis) const {
  const std::int64_t size = type(value).shape[axis];
  if (!varies(value, axis)) return size;
  return size == kFirstBatch ? std::string("batch_size") : text(size / kFirstBatch, " * batch_size");
}

OnnxValueInfo Translator::describe(Value value, const std::string& name) const {
  OnnxValueInfo info{.name = name, .dtype = type(value).dtype, .shape = {}};
  for (int axis = 0; axis < type(value).shape.rank(); ++axis) info.shape.push_back(dimension(value, axis));
  return info;
}

void Translator::declare_inputs() {
  for (int i = 0; i < static_cast<int>(graph_.nodes().size()); ++i) {
    if (graph_.node(i).kind == NodeKind::input) onnx_.inputs.push_back(describe({i, 0}, names_.at({i, 0})));
  }
}

void Translator::declare_outputs() {
  for (const auto& [name, value] : graph_.outputs()) {
    onnx_.outputs.push_back(describe(value, name));
    const std::string source = read(value);
    if (source == name) continue;
    onnx_.nodes.push_back({.op_type = "Identity", .name = name, .inputs = {source}, .outputs = {name}});
  }
}

/// The value if it depends on variables and constants alone, else undefined.
Tensor Translator::known(Value value) const {
  const Node& node = graph_.node(value.node);
  if (node.kind == NodeKind::variable) return variables_.read(node.name);
  if (node.kind == NodeKind::constant) return node.constant.clone();
  const auto found = folded_.find(value);
  return found == folded_.end() ? Tensor() : found->second;
}

/// The name under which a node reads a value; variables and constants become initializers on first use.
std::string Translator::read(Value value) {
  const Node& node = graph_.node(value.node);
  const auto named = names_.find(value);
  const bool computed =
      node.kind == NodeKind::input || (node.kind == NodeKind::op && !folded_.contains(value));
  if (computed) return named->second;
  if (node.kind == NodeKind::constant) {
    if (named == names_.end()) return names_[value] = add_constant(node.constant.clone(), node.name);
  } else if (!onnx_.initializers.contains(named->second)) {
    onnx_.initializers[named->second] = known(value);
  }
  return names_[value];
}

std::string Translator::add_constant(const Tensor& value, const std::string& name) {
  const Tensor plain = value.type().is_row_major() ? value : value.clone();
  const std::size_t bytes = plain.type().bytes();
  std::string content;
  if (bytes <= kSharedConstantBytes) {
    content = text(plain.type(), ':');
    if (bytes > 0) content.append(reinterpret_cast<const char*>(plain.view().data), bytes);
    if (const auto known = constants_.find(content); known != constants_.end()) return known->second;
  }
  const std::string unique_name = unique(name);
  onnx_.initializers[unique_name] = plain;
  if (!content.empty()) constants_[content] = unique_name;
  return unique_name;
}

/// The shape of a value, computed from an input of the model.
std::string Translator::batch_shape(Value value, const std::string& base) {
  const auto append = [&](const char* op, std::vector<std::string> inputs,
                          std::vector<OnnxAttribute> attributes = {}) {
    const std::string name = unique(text(base, '/', lower_case(op)));
    onnx_.nodes.push_back({.op_type = op,
                           .name = name,
                           .inputs = std::move(inputs),
                           .outputs = {name},
                           .attributes = std::move(attributes)});
    return name;
  };
  const auto integer = [&](std::int64_t number) {
    return add_constant(Tensor::of<std::int64_t>({1}, {number}), base + "/size");
  };
  std::string batch;
  for (int i = 0; batch.empty() && i < static_cast<int>(graph_.nodes().size()); ++i) {
    if (graph_.node(i).kind != NodeKind::input) continue;
    for (const int axis : varying_axes({i, 0})) {
      if (type({i, 0}).shape[axis] != kFirstBatch) continue;
      batch = append("Shape", {names_.at({i, 0})}, {{"start", axis}, {"end", axis + 1}});
      break;
    }
  }
  require(!batch.empty(), "ONNX export: ", base, ": no input of the model tells the batch size");
  std::vector<std::string> parts;
  for (int axis = 0; axis < type(value).shape.rank(); ++axis) {
    const std::int64_t size = type(value).shape[axis];
    if (!varies(value, axis))
      parts.push_back(integer(size));
    else
      parts.push_back(size == kFirstBatch ? batch : append("Mul", {batch, integer(size / kFirstBatch)}));
  }
  return append("Concat", parts, {{"axis", 0}});
}

/// Computes a node whose inputs are all known now, at export.
bool Translator::fold_constant(int index) {
  const Node& node = graph_.node(index);
  if (node.inputs.empty()) return false;
  const bool foldable = std::all_of(node.inputs.begin(), node.inputs.end(), [&](Value input) {
    const NodeKind kind = graph_.node(input.node).kind;
    return kind == NodeKind::variable || kind == NodeKind::constant || folded_.contains(input);
  });
  if (!foldable) return false;
  for (int output = 0; output < static_cast<int>(node.outputs.size()); ++output) {
    if (!varying_axes({index, output}).empty()) return false;
  }
  std::vector<Tensor> inputs;
  for (const Value input : node.inputs) inputs.push_back(known(input));
  const std::vector<Tensor> results = run_op(*node.op, inputs);
  for (int output = 0; output < static_cast<int>(results.size()); ++output) {
    folded_[{index, output}] = results[static_cast<std::size_t>(output)];
    if (graph_.outputs().contains(names_.at({index, output}))) {  // outputs read initializers by Identity
      names_[{index, output}] = unique(label(index));
    }
  }
  return true;
}

void Translator::emit(int index) {
  if (fold_constant(index)) return;
  Sink sink(*this, index);
  try {
    graph_.node(index).op->to_onnx(sink);
  } catch (const UserError&) {
    throw;
  } catch (const Error& error) {
    throw Error(text("ONNX export: '", label(index), "': ", error.what()));
  }
}

OnnxGraph Translator::run() {
  name_values();
  declare_inputs();
  for (int i = 0; i < static_cast<int>(graph_.nodes().size()); ++i) {
    if (graph_.node(i).kind == NodeKind::op) emit(i);
  }
  declare_outputs();
  return std::move(onnx_);
}

}  // namespace

OnnxGraph translate_to_onnx(const Graph& graph, const Variables& variables) {
  return Translator(prepared(graph), std::nullopt, variables).run();
}

OnnxGraph translate_to_onnx(const std::function<Graph(std::int64_t batch_size)>& build,
                            const Variables& variables) {
  return Translator(prepared(build(kFirstBatch)), prepared(build(kSecondBatch)), variables).run();
}

}  // namespace slipway
