#include "layers/layer.h"

namespace slipway {

void Layer::fields(FieldVisitor& visit) {
  settings(visit);
  visit.field("name", name,
              {.help = "name of the layer and prefix of its parameters; by default its kind and number"});
}

void Layer::expect_rank(const Scope& scope, Value input, int rank, const char* form) {
  require(scope.shape(input).rank() == rank, "input has shape ", scope.shape(input), ", expected ", form);
}

std::optional<Value> LayerList::build_layer(const Scope& scope, const Slot<Layer>& layer, Numbers& numbers,
                                            Value input) {
  const int number = ++numbers[layer.name];
  if (!layer || layer->flawed) return std::nullopt;  // reported by whoever read the configuration
  const Scope inner = scope.child(layer->name.empty() ? text(layer.name, '_', number) : layer->name);
  Value output;
  const bool built = scope.attempt(layer.where, text(layer.name, " '", inner.path(), "'"),
                                   [&] { output = layer->build(inner, input); });
  return built ? std::optional(output) : std::nullopt;
}

Value LayerList::build(const Scope& scope, Value input) const {
  Numbers numbers;
  bool guess = false;    // a layer had a mistake, so that the next one may not get to read `input`
  ConfigErrors unheard;  // of layers that read a guess
  for (const Slot<Layer>& layer : layers_) {
    const std::optional<Value> output =
        build_layer(guess ? scope.reporting_to(unheard) : scope, layer, numbers, input);
    guess = !output || (guess && !layer->decides_shape(scope.shape(input)));
    if (output) input = *output;
  }
  if (guess) throw AlreadyReported();
  return input;
}

std::vector<Value> LayerList::build_each(const Scope& scope, Value input) const {
  Numbers numbers;
  std::vector<Value> outputs;
  for (const Slot<Layer>& layer : layers_) {
    if (const std::optional<Value> output = build_layer(scope, layer, numbers, input))
      outputs.push_back(*output);
  }
  if (outputs.size() < layers_.size()) throw AlreadyReported();
  return outputs;
}

}  // namespace slipway
