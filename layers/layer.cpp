#include "layers/layer.h"

namespace slipway {

void Layer::fields(FieldVisitor& visit) {
  settings(visit);
  visit.field("name", name,
              {.help = "name of the layer and prefix of its parameters; by default its kind and number"});
}

Value LayerList::build(const Scope& scope, Value input) const {
  std::map<std::string, int> numbers;
  for (const Slot<Layer>& layer : layers_) {
    const int number = ++numbers[layer.name];
    const std::string name = layer->name.empty() ? text(layer.name, '_', number) : layer->name;
    scope.graph().set_position(layer.where);
    try {
      input = layer->build(scope.child(name), input);
    } catch (const UserError&) {
      throw;  // names its place already
    } catch (const Error& error) {
      throw UserError(text(layer.where, ": ", layer.name, " '", scope.qualified(name), "': ", error.what()));
    }
  }
  return input;
}

}  // namespace slipway
