#include "layers/layer.h"
#include "layers/ops/global_pool.h"

namespace slipway {
namespace {

class GlobalAvgPoolLayer : public Layer {
 public:
  Value build(const Scope& scope, Value input) const override {
    expect_rank(scope, input, 4, kImages);
    return scope.add(std::make_shared<GlobalAvgPool>(), {input});
  }
};

const Register<Layer, GlobalAvgPoolLayer> registered(
    "global_avg_pool", "mean of each channel: [batch, channels, height, width] -> [batch, channels]");

}  // namespace
}  // namespace slipway
