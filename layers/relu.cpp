#include "layers/ops/relu.h"
#include "layers/layer.h"

namespace slipway {
namespace {

class ReluLayer : public Layer {
 public:
  Value build(const Scope& scope, Value input) const override {
    return scope.add(std::make_shared<Relu>(), {input});
  }
};

const Register<Layer, ReluLayer> registered("relu", "y = max(x, 0), elementwise; keeps the shape");

}  // namespace
}  // namespace slipway
