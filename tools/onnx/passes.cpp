#include "tools/onnx/passes.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/base/error.h"

namespace slipway {
namespace {

void rename_inputs(OnnxGraph& graph, const std::string& from, const std::string& to) {
  for (OnnxNode& node : graph.nodes) std::replace(node.inputs.begin(), node.inputs.end(), from, to);
}

/// The node that computes a value, or null.
OnnxNode* producer(OnnxGraph& graph, const std::string& value) {
  for (OnnxNode& node : graph.nodes) {
    if (std::count(node.outputs.begin(), node.outputs.end(), value) > 0) return &node;
  }
  return nullptr;
}

std::int64_t integer(const OnnxNode& node, std::string_view name, std::int64_t otherwise) {
  const OnnxAttribute* attribute = node.attribute(name);
  return attribute == nullptr ? otherwise : std::get<std::int64_t>(attribute->value);
}

float number(const OnnxNode& node, std::string_view name, float otherwise) {
  const OnnxAttribute* attribute = node.attribute(name);
  return attribute == nullptr ? otherwise : std::get<float>(attribute->value);
}

bool is_floating_constant(const OnnxGraph& graph, const std::string& name) {
  const auto found = graph.initializers.find(name);
  return found != graph.initializers.end() && is_floating(found->second.dtype());
}

/// Axis of the weight that counts output features, or -1 if batch normalization can't be folded into the
/// node.
int output_axis(const OnnxGraph& graph, const OnnxNode& node) {
  if (node.op_type != "Conv" && node.op_type != "Gemm") return -1;
  for (std::size_t i = 1; i < node.inputs.size(); ++i) {
    if (!is_floating_constant(graph, node.inputs[i])) return -1;
  }
  if (node.op_type == "Conv") return 0;
  if (number(node, "alpha", 1) != 1 || number(node, "beta", 1) != 1) return -1;
  return integer(node, "transB", 0) != 0 ? 0 : 1;
}

/// y = (x - mean) / sqrt(variance + epsilon) * scale + shift, as y = factor x + offset per feature.
struct Normalization {
  std::vector<double> factor, offset;
};

Normalization read_normalization(const OnnxGraph& graph, const OnnxNode& node) {
  const auto parameter = [&](std::size_t i) {
    return graph.initializers.at(node.inputs[i]).cast(DType::float64);
  };
  const Tensor scale = parameter(1), shift = parameter(2), mean = parameter(3), variance = parameter(4);
  const double epsilon = number(node, "epsilon", 1e-5f);
  Normalization result;
  for (std::size_t i = 0; i < scale.as<double>().size(); ++i) {
    const double factor = scale.as<double>()[i] / std::sqrt(variance.as<double>()[i] + epsilon);
    result.factor.push_back(factor);
    result.offset.push_back(shift.as<double>()[i] - mean.as<double>()[i] * factor);
  }
  return result;
}

/// Puts a tensor in the place of an initializer, under another name if somebody else reads the old one too.
std::string replace_initializer(OnnxGraph& graph, const std::string& old, const Tensor& value) {
  const std::string name = graph.uses(old) == 1 ? old : graph.unused_name(old);
  graph.initializers[name] = value;
  return name;
}

Tensor scaled(const Tensor& weight, int axis, const std::vector<double>& factor) {
  const Tensor values = weight.cast(DType::float64);
  const auto inner = static_cast<std::size_t>(values.shape().elements(axis + 1, values.shape().rank()));
  const auto w = values.as<double>();
  for (std::size_t i = 0; i < w.size(); ++i) w[i] *= factor[i / inner % factor.size()];
  return values.cast(weight.dtype());
}

void fold(OnnxGraph& graph, OnnxNode& node, int axis, const Normalization& normalization) {
  const Tensor weight = graph.initializers.at(node.inputs[1]);
  const auto features = static_cast<std::int64_t>(normalization.factor.size());
  require(weight.shape()[axis] == features, node.name, ": batch normalization of ", features,
          " features follows a weight ", weight.shape());
  Tensor bias = Tensor::zeros(DType::float64, {features});
  const bool has_bias = node.inputs.size() > 2 && !node.inputs[2].empty();
  if (has_bias) {
    const Tensor given = graph.initializers.at(node.inputs[2]).cast(DType::float64);
    if (given.elements() != features) {  // Gemm broadcasts its bias
      require(given.elements() == 1, node.name, ": a bias ", given.shape(), " for ", features, " features");
      bias = Tensor::full(DType::float64, {features}, given.as<double>()[0]);
    } else {
      bias = given.reshaped({features});
    }
  }
  const auto b = bias.as<double>();
  for (std::size_t i = 0; i < b.size(); ++i) {
    b[i] = b[i] * normalization.factor[i] + normalization.offset[i];
  }
  node.inputs[1] = replace_initializer(graph, node.inputs[1], scaled(weight, axis, normalization.factor));
  const Tensor folded = bias.cast(weight.dtype());
  if (has_bias) {
    node.inputs[2] = replace_initializer(graph, node.inputs[2], folded);
  } else {
    node.inputs.resize(2);
    node.inputs.push_back(graph.unused_name(node.name + ".bias"));
    graph.initializers[node.inputs[2]] = folded;
  }
}

}  // namespace

void remove_identities(OnnxGraph& graph) {
  for (std::size_t i = 0; i < graph.nodes.size();) {
    const OnnxNode node = graph.nodes[i];
    if (node.op_type != "Identity") {
      ++i;
      continue;
    }
    const std::string &from = node.inputs[0], &to = node.outputs[0];
    if (!graph.is_output(to)) {
      rename_inputs(graph, to, from);
    } else {
      // An output keeps its name, so the value takes it; an input, an initializer or another output can't.
      OnnxNode* source = producer(graph, from);
      if (source == nullptr || graph.is_output(from)) {
        ++i;
        continue;
      }
      rename_inputs(graph, from, to);
      std::replace(source->outputs.begin(), source->outputs.end(), from, to);
    }
    graph.nodes.erase(graph.nodes.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

void fold_transposes(OnnxGraph& graph) {
  for (std::size_t i = 0; i < graph.nodes.size();) {
    const OnnxNode node = graph.nodes[i++];
    if (node.op_type != "Transpose" || graph.is_output(node.outputs[0])) continue;
    const auto found = graph.initializers.find(node.inputs[0]);
    const OnnxAttribute* order = node.attribute("perm");
    if (found == graph.initializers.end() || order == nullptr) continue;
    const auto& axes = std::get<std::vector<std::int64_t>>(order->value);
    const TensorView transposed = found->second.view().transposed(Dims(std::span(axes)));
    const Tensor folded(transposed.dtype(), transposed.shape());
    copy_elements(transposed, folded);
    graph.initializers[node.outputs[0]] = folded;
    graph.nodes.erase(graph.nodes.begin() + static_cast<std::ptrdiff_t>(--i));
  }
}

void fold_batch_normalization(OnnxGraph& graph) {
  for (std::size_t i = 0; i < graph.nodes.size();) {
    const OnnxNode node = graph.nodes[i++];
    if (node.op_type != "BatchNormalization" || node.outputs.size() != 1) continue;
    if (!std::all_of(node.inputs.begin() + 1, node.inputs.end(),
                     [&](const std::string& name) { return is_floating_constant(graph, name); }))
      continue;
    OnnxNode* source = producer(graph, node.inputs[0]);
    if (source == nullptr || graph.uses(node.inputs[0]) != 1) continue;
    const int axis = output_axis(graph, *source);
    if (axis < 0) continue;
    fold(graph, *source, axis, read_normalization(graph, node));
    source->outputs[0] = node.outputs[0];
    graph.nodes.erase(graph.nodes.begin() + static_cast<std::ptrdiff_t>(--i));
  }
}

void remove_unused_initializers(OnnxGraph& graph) {
  std::set<std::string> used;
  for (const OnnxNode& node : graph.nodes) used.insert(node.inputs.begin(), node.inputs.end());
  std::erase_if(graph.initializers, [&](const auto& entry) { return !used.contains(entry.first); });
}

}  // namespace slipway
