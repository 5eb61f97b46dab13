#include "layers/layer.h"
#include "layers/ops/unary.h"

namespace slipway {
namespace {

/// Hendrycks and Gimpel (2016); "swish" of Ramachandran et al., "Searching for Activation Functions" (2017).
class SiluLayer : public Layer {
 public:
  Value build(const Scope& scope, Value input) const override {
    return scope.add(std::make_shared<Unary>(UnaryFunction::silu), {input});
  }
};

const Register<Layer, SiluLayer> registered("silu", "y = x sigmoid(x), elementwise; keeps the shape");

}  // namespace
}  // namespace slipway
