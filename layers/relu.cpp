#include "layers/ops/relu.h"
#include "layers/layer.h"

namespace slipway {
namespace {

class ReluLayer : public Layer {
 public:
  void fields(FieldVisitor&) override {}
  Value build(const Scope& scope, std::span<const Value> inputs) const override {
    return scope.add(std::make_shared<Relu>(), {inputs[0]});
  }
};

const Register<Layer, ReluLayer> registered("relu", "y = max(x, 0)");

}  // namespace
}  // namespace slipway
