#include "layers/ops/layer_norm.h"

#include "layers/initializer.h"
#include "layers/layer.h"

namespace slipway {
namespace {

/// Ba et al., "Layer Normalization" (2016).
class LayerNormLayer : public Layer {
 public:
  void settings(FieldVisitor& visit) override {
    visit.field("axis", axis_,
                {.help = "first of the axes that are normalised together, up to the last; -1: the last alone",
                 .min = -7,
                 .max = 7});
    visit.field("epsilon", epsilon_, {.help = "added to the variance", .above = 0});
    visit.field("scale", scale_, {.help = "whether a factor is learned for each element"});
    visit.field("shift", shift_, {.help = "whether an offset is learned for each element"});
    visit.field("initializer", initializer_, {.help = "how the factors start"});
    visit.field("bias_initializer", bias_initializer_, {.help = "how the offsets start"});
  }
  Value build(const Scope& scope, Value input) const override {
    const Shape& shape = scope.shape(input);
    const int first = normalize_axis(axis_, shape.rank(), "layer_norm");
    require(first > 0, "axis ", axis_, " of shape ", shape, " is the batch, expected one of its features");
    const Shape width(shape.span().subspan(static_cast<std::size_t>(first)));
    std::vector<Value> inputs = {input};
    const auto learn = [&](const char* name, const Slot<Initializer>& initializer) {
      inputs.push_back(scope.parameter(
          {.name = name, .shape = width, .initialize = initialize_by(initializer, {}), .decay = false}));
    };
    if (scale_) learn("weight", initializer_);
    if (shift_) learn("bias", bias_initializer_);
    const LayerNorm::Options options{.axis = first, .epsilon = epsilon_, .scale = scale_, .shift = shift_};
    return scope.add(std::make_shared<LayerNorm>(options), std::move(inputs));
  }

 private:
  std::int64_t axis_ = -1;
  double epsilon_ = 1e-5;
  bool scale_ = true;
  bool shift_ = true;
  Slot<Initializer> initializer_{"ones"};
  Slot<Initializer> bias_initializer_{"zeros"};
};

const Register<Layer, LayerNormLayer> registered("layer_norm",
                                                 "each sample's features to mean 0 and variance 1, then "
                                                 "scaled and shifted as learned: [batch, ..., features] "
                                                 "keeps its shape");

}  // namespace
}  // namespace slipway
