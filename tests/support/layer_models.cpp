#include "tests/support/layer_models.h"

#include <gtest/gtest.h>

#include "core/base/config_blocks.h"

namespace slipway::test {
namespace {

struct Model : Component {
  void fields(FieldVisitor& visit) override {
    layers.field(visit, "layers", {.required = true, .positional = true});
  }
  LayerList layers;
};

}  // namespace

LayerList parse_layers(const ConfigNode& node) {
  ConfigErrors errors;
  ConfigNode list = node;
  if (node.is_mapping() && node.find("model") != nullptr) {
    list = *node.find("model");
    const ConfigNode* blocks = node.find("blocks");
    if (blocks != nullptr) list = expand_blocks(list, *blocks, {Registry<Layer>::kind(), "sequence"}, errors);
    errors.throw_if_any();
  }
  Model model;
  read_component(list, model, errors);
  errors.throw_if_any();
  return model.layers;
}

LayerList parse_layers(const std::string& yaml) { return parse_layers(ConfigNode::parse(yaml, "test.yaml")); }

LayerGraph::LayerGraph(const LayerList& layers, const ValueType& type, Mode mode, DType parameters) {
  const Scope scope(graph, {.mode = mode, .dtype = parameters});
  input = graph.input("input", type);
  output = layers.build(scope, input);
  graph.output("output", output);
}

std::vector<Value> LayerGraph::trainable() const {
  std::vector<Value> values;
  for (int i = 0; i < static_cast<int>(graph.nodes().size()); ++i) {
    if (graph.node(i).kind == NodeKind::variable && graph.node(i).variable.trainable)
      values.push_back({i, 0});
  }
  return values;
}

std::vector<std::string> LayerGraph::describe_trainable() const {
  std::vector<std::string> all;
  for (const Value value : trainable())
    all.push_back(text(graph.node(value.node).name, ' ', graph.type(value).shape));
  return all;
}

std::int64_t LayerGraph::parameter_count() const {
  std::int64_t sum = 0;
  for (const Value value : trainable()) sum += graph.type(value).elements();
  return sum;
}

std::string layer_error(const std::string& yaml, const Shape& input, DType dtype) {
  try {
    LayerGraph(parse_layers(yaml), ValueType(dtype, input));
  } catch (const UserError& error) {
    return error.what();
  }
  ADD_FAILURE() << "no error from " << yaml << " upon " << input;
  return {};
}

}  // namespace slipway::test
