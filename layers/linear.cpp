#include "layers/ops/linear.h"

#include "layers/initializer.h"
#include "layers/layer.h"

namespace slipway {
namespace {

class LinearLayer : public Layer {
 public:
  void settings(FieldVisitor& visit) override {
    visit.field(
        "features", features_,
        {.help = "size of the last axis of the output", .required = true, .positional = true, .min = 1});
    affine_.fields(visit);
  }
  Value build(const Scope& scope, Value input) const override {
    const Shape& x = scope.shape(input);
    require(x.rank() >= 2 && x.back() >= 1, "input has shape ", x, ", expected [batch, ..., features]");
    std::vector<Value> inputs = affine_.parameters(scope, {features_, x.back()});
    inputs.insert(inputs.begin(), input);
    return scope.add(std::make_shared<Linear>(Linear::Options{.bias = affine_.has_bias()}),
                     std::move(inputs));
  }

  bool decides_shape(const Shape& input) const override { return input.rank() == 2; }

 private:
  std::int64_t features_ = 0;
  WeightAndBias affine_;
};

const Register<Layer, LinearLayer> registered(
    "linear", "y = x weightᵀ + bias: [batch, ..., in] -> [batch, ..., features]");

}  // namespace
}  // namespace slipway
