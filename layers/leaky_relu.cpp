#include "layers/layer.h"
#include "layers/ops/relu.h"

namespace slipway {
namespace {

/// Maas et al., "Rectifier Nonlinearities Improve Neural Network Acoustic Models" (2013).
class LeakyReluLayer : public Layer {
 public:
  void settings(FieldVisitor& visit) override {
    visit.field("slope", slope_, {.help = "below zero", .positional = true, .min = 0, .below = 1});
  }
  Value build(const Scope& scope, Value input) const override {
    return scope.add(std::make_shared<Relu>(slope_), {input});
  }

 private:
  double slope_ = 0.01;
};

const Register<Layer, LeakyReluLayer> registered(
    "leaky_relu", "y = x if x > 0, else slope x, elementwise; keeps the shape");

}  // namespace
}  // namespace slipway
