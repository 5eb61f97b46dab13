#include "layers/layer.h"

namespace slipway {
namespace {

class Sequence : public Layer {
 public:
  void settings(FieldVisitor& visit) override {
    layers_.field(visit, "layers",
                  {.help = "layers, each reading the one before", .required = true, .positional = true});
  }
  Value build(const Scope& scope, Value input) const override {
    const BlockMark block(scope);
    return layers_.build(scope, input);
  }

 private:
  LayerList layers_;
};

const Register<Layer, Sequence> registered("sequence", "layers one after another");

}  // namespace
}  // namespace slipway
