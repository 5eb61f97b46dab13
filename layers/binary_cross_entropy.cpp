#include "layers/element_loss.h"

namespace slipway {
namespace {

class BinaryCrossEntropy : public ElementwiseLoss {
 public:
  std::vector<double> pos_weight;

  void fields(FieldVisitor& visit) override {
    visit.field(
        "pos_weight", pos_weight,
        {.help = "how much a positive target counts against a negative one: one number, or one for each "
                 "of axis 1 of the output",
         .min = 0});
  }
  std::string_view activation() const override { return "sigmoid"; }
  Value build(const Scope& scope, Value output, Value target) const override {
    std::vector<Value> inputs = {output, target};
    if (!pos_weight.empty()) {
      const Shape shape{static_cast<std::int64_t>(pos_weight.size())};
      inputs.push_back(
          scope.graph().constant(Tensor::of(shape, pos_weight).cast(scope.type(output).dtype), "pos_weight"));
    }
    return build_loss(scope, binary_cross_entropy_kernel, std::move(inputs));
  }
  std::optional<BadTarget> find_bad_target(const TensorView& target, const ValueType& output) const override {
    const Tensor values = Tensor(DType::float64, target.shape());
    copy_elements(target, values);
    const std::int64_t samples = std::max<std::int64_t>(1, output.shape[0]);
    for (std::int64_t i = 0; i < values.elements(); ++i) {
      const double value = values.as<double>()[static_cast<std::size_t>(i)];
      if (value >= 0 && value <= 1) continue;
      return BadTarget{i / (values.elements() / samples), text("target ", value, ", expected 0 to 1")};
    }
    return std::nullopt;
  }
};

const Register<Loss, BinaryCrossEntropy> registered(
    "bce_with_logits", "Binary cross-entropy of logits and targets between 0 and 1, of one shape.");

}  // namespace
}  // namespace slipway
