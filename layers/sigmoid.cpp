#include "layers/layer.h"
#include "layers/ops/unary.h"

namespace slipway {
namespace {

class SigmoidLayer : public Layer {
 public:
  Value build(const Scope& scope, Value input) const override {
    return scope.add(std::make_shared<Unary>(UnaryFunction::sigmoid), {input});
  }
};

const Register<Layer, SigmoidLayer> registered("sigmoid",
                                               "y = 1 / (1 + exp(-x)), elementwise; keeps the shape");

}  // namespace
}  // namespace slipway
