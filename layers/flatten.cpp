#include "layers/layer.h"
#include "layers/ops/reshape.h"

namespace slipway {
namespace {

class Flatten : public Layer {
 public:
  Value build(const Scope& scope, Value input) const override {
    const Shape& shape = scope.shape(input);
    require(shape.rank() >= 1, "input is a scalar, expected [batch, ...]");
    if (shape.rank() == 2) return input;
    return scope.add(std::make_shared<Reshape>(Dims{shape[0], shape.elements(1, shape.rank())}), {input});
  }
};

const Register<Layer, Flatten> registered("flatten", "[batch, ...] -> [batch, features]");

}  // namespace
}  // namespace slipway
