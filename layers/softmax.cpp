#include "layers/ops/softmax.h"

#include "layers/layer.h"

namespace slipway {
namespace {

template <SoftmaxKind kForm>
class SoftmaxLayer : public Layer {
 public:
  std::int64_t axis = 1;

  void settings(FieldVisitor& visit) override {
    visit.field("axis", axis,
                {.help = "that sums to 1; -1 is the last", .positional = true, .min = -7, .max = 7});
  }
  Value build(const Scope& scope, Value input) const override {
    return scope.add(std::make_shared<Softmax>(axis, kForm), {input});
  }
};

const Register<Layer, SoftmaxLayer<SoftmaxKind::softmax>> softmax("softmax", "y = e^x / Σ e^x along an axis");
const Register<Layer, SoftmaxLayer<SoftmaxKind::log_softmax>> log_softmax("log_softmax",
                                                                          "y = x - log Σ e^x along an axis");

}  // namespace
}  // namespace slipway
