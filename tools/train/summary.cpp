#include "tools/train/summary.h"

#include <algorithm>
#include <iomanip>
#include <ostream>

#include "layers/ops/cast.h"
#include "tools/train/precision.h"

namespace slipway {
namespace {

/// The layer that a variable or node belongs to: "conv2d_1.weight" is of "conv2d_1".
std::string owner(const std::string& name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string::npos ? name : name.substr(0, dot);
}

constexpr const char* kOutput = "output";

}  // namespace

ModelSummary summarize(const Model& model, std::int64_t batch_size) {
  const RunConfig& config = model.config();
  Model::Forward forward = model.forward({.batch_size = batch_size});
  const std::string input = forward.graph.node(forward.input.node).name;
  forward.graph.output(kOutput, forward.output);
  const Graph graph = in_precision(std::move(forward.graph), parse_precision(config.precision));
  const std::vector<Value> trained = trainable_variables(graph, config.train.freeze);
  ModelSummary summary{
      .precision = config.precision, .input = graph.type(graph.find(input)), .layers = {}, .total = {}};
  const auto layer_of = [&](const std::string& name) -> LayerSummary& {
    const auto found = std::find_if(summary.layers.begin(), summary.layers.end(),
                                    [&](const LayerSummary& layer) { return layer.name == name; });
    if (found != summary.layers.end()) return *found;
    summary.layers.push_back({.name = name});
    return summary.layers.back();
  };
  for (int i = 0; i < static_cast<int>(graph.nodes().size()); ++i) {
    const Node& node = graph.node(i);
    if (node.kind == NodeKind::variable) {
      LayerSummary& layer = layer_of(owner(node.name));
      const bool is_trained = std::find(trained.begin(), trained.end(), Value{i, 0}) != trained.end();
      (is_trained ? layer.parameters : layer.frozen) += node.outputs[0].elements();
    }
    if (node.kind != NodeKind::op) continue;
    LayerSummary& layer = layer_of(node.name);
    if (!dynamic_cast<const Cast*>(node.op.get()))
      layer.operations += text(layer.operations.empty() ? "" : ", ", node.op->name());
    layer.output = node.outputs[0].shape;
    std::vector<ValueType> inputs;
    for (const Value input : node.inputs) inputs.push_back(graph.type(input));
    layer.flops += node.op->cost(inputs, node.outputs).flops;
    for (const ValueType& type : node.outputs) layer.activation_bytes += type.bytes();
  }
  summary.total = {
      .name = "total", .operations = "", .output = graph.type(graph.outputs().at(kOutput)).shape};
  for (const LayerSummary& layer : summary.layers) {
    summary.total.parameters += layer.parameters;
    summary.total.frozen += layer.frozen;
    summary.total.flops += layer.flops;
    summary.total.activation_bytes += layer.activation_bytes;
  }
  return summary;
}

std::string with_commas(std::int64_t value) {
  std::string digits = std::to_string(value);
  for (int at = static_cast<int>(digits.size()) - 3; at > (value < 0 ? 1 : 0); at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

std::string with_unit(double value) {
  const char* units[] = {"", " k", " M", " G", " T", " P"};
  int unit = 0;
  while (value >= 1000 && unit < 5) value /= 1000, ++unit;
  std::ostringstream out;
  out << std::setprecision(3) << value << units[unit];
  return out.str();
}

std::string bytes_text(std::size_t bytes) {
  const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  int unit = 0;
  while (value >= 1024 && unit < 4) value /= 1024, ++unit;
  std::ostringstream out;
  out << std::setprecision(value < 10 ? 2 : 3) << value << ' ' << units[unit];
  return out.str();
}

std::ostream& operator<<(std::ostream& out, const ModelSummary& summary) {
  std::size_t name_width = 5, operation_width = 10, shape_width = 6;
  for (const LayerSummary& layer : summary.layers) {
    name_width = std::max(name_width, layer.name.size());
    operation_width = std::max(operation_width, layer.operations.size());
    shape_width = std::max(shape_width, text(layer.output).size());
  }
  const auto row = [&](const std::string& name, const std::string& operations, const std::string& shape,
                       const std::string& parameters, const std::string& flops, const std::string& memory) {
    out << std::left << std::setw(int(name_width) + 2) << name << std::setw(int(operation_width) + 2)
        << operations << std::setw(int(shape_width) + 2) << shape << std::right << std::setw(12) << parameters
        << std::setw(12) << flops << std::setw(12) << memory << '\n';
  };
  out << "input: " << summary.input << ", precision: " << summary.precision << "\n\n";
  row("layer", "operations", "output", "parameters", "FLOPs", "memory");
  for (const LayerSummary& layer : summary.layers) {
    row(layer.name, layer.operations, layer.operations.empty() ? "" : text(layer.output),
        with_commas(layer.parameters), with_unit(layer.flops), bytes_text(layer.activation_bytes));
  }
  const LayerSummary& total = summary.total;
  row("total", "", text(total.output), with_commas(total.parameters), with_unit(total.flops),
      bytes_text(total.activation_bytes));
  if (total.frozen > 0)
    out << with_commas(total.frozen) << " values are not trained (running statistics, frozen).\n";
  return out;
}

}  // namespace slipway
