#include <gtest/gtest.h>

#include "core/runtime/variables.h"
#include "tests/support/layer_models.h"
#include "tests/support/layer_reference.h"

namespace slipway::test {
namespace {

TEST(LayerReference, BatchNorm) { expect_follows_pytorch("batch_norm"); }

TEST(BatchNormLayer, LearnsTwoVectorsAndKeepsTwo) {
  const LayerGraph model(parse_layers("[batch_norm]"), {DType::float32, {4, 3, 2, 2}});
  EXPECT_EQ(model.describe_trainable(),
            (std::vector<std::string>{"batch_norm_1.weight [3]", "batch_norm_1.bias [3]"}));
  for (const Value value : model.trainable()) EXPECT_FALSE(model.graph.node(value.node).variable.decay);
  Variables variables;
  variables.allocate(model.graph);
  for (const auto& [name, start] :
       {std::pair{"weight", 1.0f}, {"bias", 0.0f}, {"running_mean", 0.0f}, {"running_var", 1.0f}}) {
    for (const float value : variables[text("batch_norm_1.", name)].as<float>())
      EXPECT_EQ(value, start) << name;
  }
}

TEST(BatchNormLayer, NamesMistakes) {
  EXPECT_EQ(layer_error("[batch_norm]", {3}),
            "test.yaml:1:2: batch_norm 'batch_norm_1': input has shape [3], expected [batch, channels, ...]");
  EXPECT_EQ(
      layer_error("[batch_norm]", {1, 3, 1, 1}),
      "test.yaml:1:2: batch_norm 'batch_norm_1': input has shape [1, 3, 1, 1]: one value a channel has no "
      "variance to train with, expected a larger batch");
  EXPECT_NE(layer_error("[batch_norm: {momentum: 1.5}]", {2, 3}).find("momentum"), std::string::npos);
  EXPECT_NE(layer_error("[batch_norm: {epsilon: 0}]", {2, 3}).find("epsilon"), std::string::npos);
}

}  // namespace
}  // namespace slipway::test
