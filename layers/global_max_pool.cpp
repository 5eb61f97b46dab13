#include "layers/layer.h"
#include "layers/ops/global_pool.h"

namespace slipway {
namespace {

class GlobalMaxPoolLayer : public Layer {
 public:
  Value build(const Scope& scope, Value input) const override {
    expect_rank(scope, input, 4, kImages);
    return scope.add(std::make_shared<GlobalMaxPool>(), {input});
  }
};

const Register<Layer, GlobalMaxPoolLayer> registered(
    "global_max_pool",
    "largest value of each channel: [batch, channels, height, width] -> [batch, channels]");

}  // namespace
}  // namespace slipway
