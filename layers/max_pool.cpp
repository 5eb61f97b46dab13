#include "layers/pool_layer.h"

namespace slipway {
namespace {

class MaxPoolLayer : public PoolLayer {
 public:
  MaxPoolLayer() : PoolLayer("max_pool") {}
  void settings(FieldVisitor& visit) override { window_fields(visit); }
  Value build(const Scope& scope, Value input) const override {
    return scope.add(std::make_shared<MaxPool2d>(options(scope, input)), {input});
  }
};

const Register<Layer, MaxPoolLayer> registered(
    "max_pool",
    "largest value of each window: [batch, channels, height, width] -> the same with fewer rows and columns");

}  // namespace
}  // namespace slipway
