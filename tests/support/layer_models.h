#pragma once

#include <string>

#include "core/base/config_node.h"
#include "layers/layer.h"

namespace slipway::test {

/// Layers from YAML: a list, or a mapping with `model` and perhaps `blocks`.
LayerList parse_layers(const ConfigNode& node);
LayerList parse_layers(const std::string& yaml);

/// A graph of layers between "input" and "output".
struct LayerGraph {
  Graph graph;
  Value input;
  Value output;

  /// `parameters`: their dtype.
  LayerGraph(const LayerList& layers, const ValueType& type, Mode mode = Mode::training,
             DType parameters = DType::float32);
  /// The learned variables in the order of the graph.
  std::vector<Value> trainable() const;
  /// "conv2d_1.weight [32, 1, 3, 3]" each
  std::vector<std::string> describe_trainable() const;
  std::int64_t parameter_count() const;
};

/// The message of the UserError that reading the YAML or building the layers upon such an input gives.
std::string layer_error(const std::string& yaml, const Shape& input, DType dtype = DType::float32);

}  // namespace slipway::test
