#include "layers/pool_layer.h"

namespace slipway {
namespace {

class AvgPoolLayer : public PoolLayer {
 public:
  AvgPoolLayer() : PoolLayer("avg_pool") {}
  void settings(FieldVisitor& visit) override {
    window_fields(visit);
    visit.field("count_padding", count_padding_,
                {.help = "whether padding counts as zeros, or the mean is over the image's values only"});
  }
  Value build(const Scope& scope, Value input) const override {
    const AvgPool2d::Options with_padding{options(scope, input), count_padding_};
    return scope.add(std::make_shared<AvgPool2d>(with_padding), {input});
  }

 private:
  bool count_padding_ = true;
};

const Register<Layer, AvgPoolLayer> registered(
    "avg_pool",
    "mean of each window: [batch, channels, height, width] -> the same with fewer rows and columns");

}  // namespace
}  // namespace slipway
