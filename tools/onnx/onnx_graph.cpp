#include "tools/onnx/onnx_graph.h"

#include <algorithm>

#include "core/base/error.h"

namespace slipway {

const OnnxAttribute* OnnxNode::attribute(std::string_view name) const {
  const auto found = std::find_if(attributes.begin(), attributes.end(),
                                  [&](const OnnxAttribute& attribute) { return attribute.name == name; });
  return found == attributes.end() ? nullptr : &*found;
}

bool OnnxGraph::is_output(const std::string& value) const {
  return std::any_of(outputs.begin(), outputs.end(),
                     [&](const OnnxValueInfo& output) { return output.name == value; });
}

int OnnxGraph::uses(const std::string& value) const {
  auto uses = is_output(value) ? std::ptrdiff_t{1} : 0;
  for (const OnnxNode& node : nodes) uses += std::count(node.inputs.begin(), node.inputs.end(), value);
  return static_cast<int>(uses);
}

std::string OnnxGraph::unused_name(const std::string& value) const {
  const auto exists = [this](const std::string& name) {
    const auto is_name = [&](const OnnxValueInfo& info) { return info.name == name; };
    return initializers.contains(name) || is_output(name) ||
           std::any_of(inputs.begin(), inputs.end(), is_name) ||
           std::any_of(nodes.begin(), nodes.end(), [&](const OnnxNode& node) {
             return std::count(node.outputs.begin(), node.outputs.end(), name) > 0;
           });
  };
  std::string name = value;
  for (int number = 2; exists(name); ++number) name = text(value, "_", number);
  return name;
}

}  // namespace slipway
