#include "layers/ops/layer_norm.h"

#include "layers/initializer.h"
#include "layers/layer.h"

namespace slipway {
namespace {

class LayerNormLayer : public Layer {
 public:
  std::int64_t axis = -1;
  double epsilon = 1e-5;
  bool scale = true;
  bool shift = true;

  void settings(FieldVisitor& visit) override {
    visit.field("axis", axis,
                {.help = "first of the axes that are normalised together, up to the last; -1: the last alone",
                 .min = -7,
                 .max = 7});
    visit.field("epsilon", epsilon, {.help = "added to the variance", .above = 0});
    visit.field("scale", scale, {.help = "learn a factor for each element"});
    visit.field("shift", shift, {.help = "learn an offset for each element"});
  }

  Value build(const Scope& scope, Value input) const override {
    const Shape& shape = scope.shape(input);
    const int first = normalize_axis(axis, shape.rank(), "layer_norm");
    require_user(first > 0, "layer_norm: axis ", axis, " of ", scope.type(input),
                 " is the batch, expected one of its features");
    const Shape width(shape.span().subspan(static_cast<std::size_t>(first)));
    std::vector<Value> inputs = {input};
    const auto add = [&](const char* parameter, const char* initializer) {
      inputs.push_back(scope.parameter({.name = parameter,
                                        .shape = width,
                                        .initialize = initialize_by(Slot<Initializer>(initializer), Fans{}),
                                        .decay = false}));
    };
    if (scale) add("weight", "ones");
    if (shift) add("bias", "zeros");
    const LayerNorm::Options options{.axis = first, .epsilon = epsilon, .scale = scale, .shift = shift};
    return scope.add_all(std::make_shared<LayerNorm>(options), std::move(inputs))[0];
  }
};

const Register<Layer, LayerNormLayer> registered(
    "layer_norm", "Each sample to mean 0 and variance 1 over its last axes (Ba et al., 2016).");

}  // namespace
}  // namespace slipway
