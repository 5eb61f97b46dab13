#include "layers/ops/dropout.h"
#include "core/runtime/step_state.h"
#include "layers/layer.h"

namespace slipway {
namespace {

class DropoutLayer : public Layer {
 public:
  double probability = 0.5;

  void settings(FieldVisitor& visit) override {
    visit.field("probability", probability,
                {.help = "share of elements that are set to 0 in training",
                 .positional = true,
                 .min = 0,
                 .below = 1});
  }
  Value build(const Scope& scope, Value input) const override {
    if (!scope.training() || probability == 0) return input;
    return scope.add(std::make_shared<Dropout>(probability, scope.key("mask")),
                     {input, StepState::step(scope.graph())});
  }
};

const Register<Layer, DropoutLayer> registered(
    "dropout", "Sets random elements to 0 in training, scales the others up.");

}  // namespace
}  // namespace slipway
