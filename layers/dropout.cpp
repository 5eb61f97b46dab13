#include "layers/ops/dropout.h"

#include "core/comm/batch_shard.h"
#include "core/runtime/step_state.h"
#include "layers/layer.h"

namespace slipway {
namespace {

/// Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting" (2014).
class DropoutLayer : public Layer {
 public:
  void settings(FieldVisitor& visit) override {
    visit.field("rate", rate_,
                {.help = "share of values that are set to 0", .positional = true, .min = 0, .below = 1});
  }
  Value build(const Scope& scope, Value input) const override {
    if (!scope.training() || rate_ == 0) return input;
    const Shape& x = scope.shape(input);
    const std::int64_t first = scope.shard() ? scope.shard()->begin() * x.elements(1, x.rank()) : 0;
    return scope.add(std::make_shared<Dropout>(rate_, scope.key("mask"), first),
                     {input, StepState::step(scope.graph())});
  }

 private:
  double rate_ = 0.5;
};

const Register<Layer, DropoutLayer> registered(
    "dropout", "in training sets random values to 0 and divides the others by 1 - rate; keeps the shape");

}  // namespace
}  // namespace slipway
