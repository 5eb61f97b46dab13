#include <gtest/gtest.h>

#include "core/runtime/variables.h"
#include "tests/support/layer_models.h"
#include "tests/support/layer_reference.h"

namespace slipway::test {
namespace {

TEST(LayerReference, Conv2d) { expect_follows_pytorch("conv2d"); }

TEST(Conv2dLayer, HasWeightAndBias) {
  const LayerGraph grouped(parse_layers("[conv2d: {filters: 6, kernel: [3, 5], groups: 2}, conv2d: 4]"),
                           {DType::float32, {2, 4, 8, 8}});
  EXPECT_EQ(grouped.describe_trainable(),
            (std::vector<std::string>{"conv2d_1.weight [6, 2, 3, 5]", "conv2d_1.bias [6]",
                                      "conv2d_2.weight [4, 6, 3, 3]", "conv2d_2.bias [4]"}));
  const LayerGraph plain(parse_layers("[conv2d: {filters: 6, bias: false, name: stem}]"),
                         {DType::float32, {2, 4, 8, 8}});
  EXPECT_EQ(plain.describe_trainable(), std::vector<std::string>{"stem.weight [6, 4, 3, 3]"});
  for (const Value value : grouped.trainable()) {
    const VariableSpec& variable = grouped.graph.node(value.node).variable;
    EXPECT_EQ(variable.decay, variable.name.ends_with("weight")) << variable.name;
  }
}

// As torch.nn.Conv2d: both uniform in +-1/√(4 · 9).
TEST(Conv2dLayer, StartsAsPyTorchDoes) {
  const LayerGraph model(parse_layers("[conv2d: 500]"), {DType::float32, {1, 4, 3, 3}});
  Variables variables;
  variables.allocate(model.graph);
  for (const char* name : {"conv2d_1.weight", "conv2d_1.bias"}) {
    float low = 1, high = -1;
    for (const float value : variables[name].as<float>()) {
      low = std::min(low, value);
      high = std::max(high, value);
    }
    EXPECT_NEAR(low, -1.0 / 6, 0.002) << name;
    EXPECT_NEAR(high, 1.0 / 6, 0.002) << name;
    EXPECT_LE(std::max(-low, high), 1.0f / 6 + 1e-7f) << name;
  }
}

TEST(Conv2dLayer, StartsAsTold) {
  const LayerGraph model(
      parse_layers("[conv2d: {filters: 2, initializer: {constant: 0.5}, bias_initializer: ones}]"),
      {DType::float32, {1, 1, 3, 3}});
  Variables variables;
  variables.allocate(model.graph);
  for (const float value : variables["conv2d_1.weight"].as<float>()) EXPECT_EQ(value, 0.5f);
  for (const float value : variables["conv2d_1.bias"].as<float>()) EXPECT_EQ(value, 1.0f);
}

TEST(Conv2dLayer, PadsToTheSameSize) {
  for (const std::int64_t size : {1, 2, 5, 8, 9}) {
    for (const char* settings : {"kernel: 3", "kernel: 4", "kernel: 1", "kernel: 3, dilation: 2",
                                 "kernel: 3, stride: 2", "kernel: 2, stride: 3", "kernel: 1, stride: 2"}) {
      const std::string yaml = text("[conv2d: {filters: 1, padding: same, ", settings, "}]");
      const LayerGraph model(parse_layers(yaml), {DType::float32, {1, 1, size, size + 1}});
      const std::int64_t stride = yaml[yaml.find("stride: ") + 8] - '0';
      const std::int64_t step = yaml.find("stride") == std::string::npos ? 1 : stride;
      EXPECT_EQ(model.graph.type(model.output).shape,
                (Shape{1, 1, (size + step - 1) / step, (size + step) / step}))
          << yaml << ' ' << size;
    }
  }
}

TEST(Conv2dLayer, NamesMistakes) {
  EXPECT_EQ(layer_error("- conv2d: 3\n- flatten\n- conv2d: 4", {2, 1, 8, 8}),
            "test.yaml:3:3: conv2d 'conv2d_2': input has shape [2, 108], expected [batch, channels, height, "
            "width]");
  EXPECT_EQ(layer_error("[conv2d: {filters: 4, groups: 2, name: middle}]", {2, 3, 8, 8}),
            "test.yaml:1:2: conv2d 'middle': input has 3 channels, expected a multiple of 2, the groups");
  EXPECT_EQ(
      layer_error("[conv2d: {filters: 4, kernel: 9}]", {2, 3, 8, 8}),
      "test.yaml:1:2: conv2d 'conv2d_1': a kernel that reaches over 9 rows does not fit into 8 (padding "
      "included)");
  const Shape any{2, 3, 8, 8};
  EXPECT_EQ(layer_error("[conv2d: {filters: 4, groups: 3}]", any),
            "test.yaml:1:2: conv2d: 4 filters do not divide into 3 groups");
  EXPECT_EQ(layer_error("[conv2d: {filters: 4, stride: [1, 2, 3]}]", any),
            "test.yaml:1:2: conv2d: stride: has 3 numbers, expected one or [height, width]");
  EXPECT_EQ(layer_error("[conv2d: {filters: 4, kernel: []}]", any),
            "test.yaml:1:2: conv2d: kernel: has 0 numbers, expected one or [height, width]");
  EXPECT_EQ(
      layer_error("[conv2d: {filters: 4, padding: []}]", any),
      "test.yaml:1:32: padding: has 0 numbers, expected one, [height, width] or [top, left, bottom, right]");
  EXPECT_EQ(layer_error("[conv2d: {filters: 4, padding: full}]", any),
            "test.yaml:1:32: padding: expected `same` or integers >= 0, got 'full'");
  EXPECT_EQ(
      layer_error("[conv2d: {filters: 4, padding: [1, 2, 3]}]", any),
      "test.yaml:1:32: padding: has 3 numbers, expected one, [height, width] or [top, left, bottom, right]");
  EXPECT_NE(layer_error("[conv2d: {filters: 4, padding: [1, -2]}]", any).find("test.yaml:1:36: "),
            std::string::npos);
  EXPECT_NE(layer_error("[conv2d: {filters: 0}]", any).find("filters"), std::string::npos);
  EXPECT_NE(layer_error("[conv2d: {filters: 4, initializer: xavier}]", any).find("xavier_uniform"),
            std::string::npos);
}

}  // namespace
}  // namespace slipway::test
