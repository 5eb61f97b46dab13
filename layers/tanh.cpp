#include "layers/layer.h"
#include "layers/ops/unary.h"

namespace slipway {
namespace {

class TanhLayer : public Layer {
 public:
  Value build(const Scope& scope, Value input) const override {
    return scope.add(std::make_shared<Unary>(UnaryFunction::tanh), {input});
  }
};

const Register<Layer, TanhLayer> registered("tanh", "y = tanh(x), elementwise; keeps the shape");

}  // namespace
}  // namespace slipway
