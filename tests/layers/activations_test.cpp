#include <gtest/gtest.h>

#include "tests/support/layer_models.h"
#include "tests/support/layer_reference.h"

namespace slipway::test {
namespace {

TEST(LayerReference, Activations) { expect_follows_pytorch("activations"); }

TEST(ActivationLayers, KeepTheShapeAndLearnNothing) {
  for (const char* layer : {"relu", "leaky_relu", "gelu", "gelu: tanh", "silu", "sigmoid", "tanh"}) {
    for (const Shape& shape : {Shape{}, Shape{3}, Shape{2, 0, 3}, Shape{1, 2, 3, 4, 5}}) {
      const LayerGraph model(parse_layers(text("[", layer, "]")), {DType::float32, shape});
      EXPECT_EQ(model.graph.type(model.output).shape, shape) << layer;
      EXPECT_EQ(model.parameter_count(), 0) << layer;
    }
  }
}

TEST(ActivationLayers, NameMistakes) {
  EXPECT_NE(layer_error("[gelu: erf]", {2, 3}).find("tanh"), std::string::npos);
  EXPECT_NE(layer_error("[leaky_relu: 1]", {2, 3}).find("slope"), std::string::npos);
  EXPECT_NE(layer_error("[relu: 1]", {2, 3}).find("test.yaml:1:"), std::string::npos);
  for (const char* layer : {"relu", "leaky_relu", "gelu", "silu", "sigmoid", "tanh"}) {
    EXPECT_NE(layer_error(text("[", layer, "]"), {2, 3}, DType::int64).find(text("'", layer, "_1'")),
              std::string::npos);
  }
}

}  // namespace
}  // namespace slipway::test
