#include "layers/layer.h"
#include "layers/ops/unary.h"

namespace slipway {
namespace {

/// Hendrycks and Gimpel, "Gaussian Error Linear Units (GELUs)" (2016).
class GeluLayer : public Layer {
 public:
  void settings(FieldVisitor& visit) override {
    visit.field(
        "approximate", approximate_,
        {.help =
             "none: by the distribution function Φ itself; tanh: x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2",
         .positional = true,
         .choices = {"none", "tanh"}});
  }
  Value build(const Scope& scope, Value input) const override {
    return scope.add(
        std::make_shared<Unary>(approximate_ == "tanh" ? UnaryFunction::gelu_tanh : UnaryFunction::gelu),
        {input});
  }

 private:
  std::string approximate_ = "none";
};

const Register<Layer, GeluLayer> registered("gelu", "y = x Φ(x), elementwise; keeps the shape");

}  // namespace
}  // namespace slipway
