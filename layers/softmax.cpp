#include "layers/ops/softmax.h"

#include "layers/layer.h"

namespace slipway {
namespace {

template <SoftmaxKind kForm>
class SoftmaxLayer : public Layer {
 public:
  void settings(FieldVisitor& visit) override {
    visit.field(
        "axis", axis_,
        {.help = "along which values compete; -1 is the last", .positional = true, .min = -7, .max = 7});
  }
  Value build(const Scope& scope, Value input) const override {
    return scope.add(std::make_shared<Softmax>(axis_, kForm), {input});
  }

 private:
  std::int64_t axis_ = -1;
};

const Register<Layer, SoftmaxLayer<SoftmaxKind::softmax>> softmax(
    "softmax", "y = exp(x) / Σ exp(x) along an axis; keeps the shape");
const Register<Layer, SoftmaxLayer<SoftmaxKind::log_softmax>> log_softmax(
    "log_softmax", "y = x - log Σ exp(x) along an axis; keeps the shape");

}  // namespace
}  // namespace slipway
