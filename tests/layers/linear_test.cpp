#include <gtest/gtest.h>

#include "tests/support/layer_models.h"
#include "tests/support/layer_reference.h"

namespace slipway::test {
namespace {

TEST(LayerReference, Linear) { expect_follows_pytorch("linear"); }

TEST(LinearLayer, HasWeightAndBias) {
  const LayerGraph model(parse_layers("[linear: 5, linear: {features: 2, bias: false, name: head}]"),
                         {DType::float32, {4, 3}});
  EXPECT_EQ(model.describe_trainable(),
            (std::vector<std::string>{"linear_1.weight [5, 3]", "linear_1.bias [5]", "head.weight [2, 5]"}));
  for (const Value value : model.trainable()) {
    const VariableSpec& variable = model.graph.node(value.node).variable;
    EXPECT_EQ(variable.decay, variable.name.ends_with("weight")) << variable.name;
  }
}

TEST(LinearLayer, NamesMistakes) {
  EXPECT_EQ(layer_error("[linear: 3]", {7}),
            "test.yaml:1:2: linear 'linear_1': input has shape [7], expected [batch, ..., features]");
  EXPECT_EQ(layer_error("[linear: 3]", {7, 0}),
            "test.yaml:1:2: linear 'linear_1': input has shape [7, 0], expected [batch, ..., features]");
  EXPECT_NE(layer_error("[linear: 0]", {7, 2}).find("features"), std::string::npos);
  EXPECT_NE(layer_error("[linear: {bias: true}]", {7, 2}).find("features"), std::string::npos);
  EXPECT_NE(layer_error("[linear: {features: 1, initialiser: ones}]", {7, 2}).find("'initializer'"),
            std::string::npos);
}

}  // namespace
}  // namespace slipway::test
