#include "layers/element_loss.h"

namespace slipway {
namespace {

class MeanSquaredError : public ElementwiseLoss {
 public:
  void fields(FieldVisitor&) override {}
  Value build(const Scope& scope, Value output, Value target) const override {
    return build_loss(scope, squared_error_kernel, {output, target});
  }
};

class MeanAbsoluteError : public ElementwiseLoss {
 public:
  void fields(FieldVisitor&) override {}
  Value build(const Scope& scope, Value output, Value target) const override {
    return build_loss(scope, absolute_error_kernel, {output, target});
  }
};

class HuberLoss : public ElementwiseLoss {
 public:
  double delta = 1;

  void fields(FieldVisitor& visit) override {
    visit.field("delta", delta,
                {.help = "errors up to this count by their square, larger ones by their size",
                 .positional = true,
                 .above = 0});
  }
  Value build(const Scope& scope, Value output, Value target) const override {
    return build_loss(scope, huber_kernel, {output, target}, delta);
  }
};

const Register<Loss, MeanSquaredError> mse("mse", "Mean squared error.");
const Register<Loss, MeanAbsoluteError> mae("mae", "Mean absolute error.");
const Register<Loss, HuberLoss> huber("huber",
                                      "Squared error for small errors, absolute error for large ones.");

}  // namespace
}  // namespace slipway
