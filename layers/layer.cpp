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

template <class Visit>
void LayerList::for_each(const Scope& scope, Visit&& visit) const {
  const SourcePosition around = scope.graph().position();
  std::map<std::string, int> numbers;
  for (const Slot<Layer>& layer : layers_) {
    const int number = ++numbers[layer.name];
    const std::string name = layer->name.empty() ? text(layer.name, '_', number) : layer->name;
    scope.graph().set_position(layer.where);
    try {
      visit(*layer, scope.child(name));
    } catch (const UserError&) {
      throw;  // names its place already
    } catch (const Error& error) {
      throw UserError(text(layer.where, ": ", layer.name, " '", scope.qualified(name), "': ", error.what()));
    }
  }
  scope.graph().set_position(around);
}

Value LayerList::build(const Scope& scope, Value input) const {
  for_each(scope, [&](const Layer& layer, const Scope& inner) { input = layer.build(inner, input); });
  return input;
}

std::vector<Value> LayerList::build_each(const Scope& scope, Value input) const {
  std::vector<Value> outputs;
  for_each(scope,
           [&](const Layer& layer, const Scope& inner) { outputs.push_back(layer.build(inner, input)); });
  return outputs;
}

}  // namespace slipway
