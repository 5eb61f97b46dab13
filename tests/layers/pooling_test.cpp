#include <gtest/gtest.h>

#include "tests/support/layer_models.h"
#include "tests/support/layer_reference.h"

namespace slipway::test {
namespace {

Shape output_shape(const std::string& yaml, const Shape& input) {
  const LayerGraph model(parse_layers(yaml), {DType::float32, input});
  EXPECT_EQ(model.parameter_count(), 0);
  return model.graph.type(model.output).shape;
}

TEST(LayerReference, Pooling) { expect_follows_pytorch("pooling"); }

TEST(PoolingLayers, SizesAreThoseOfTheWindow) {
  for (const std::string kind : {"max_pool", "avg_pool"}) {
    EXPECT_EQ(output_shape("[" + kind + ": 2]", {3, 4, 6, 7}), (Shape{3, 4, 3, 3}));
    EXPECT_EQ(output_shape("[" + kind + ": {kernel: 3, stride: 1}]", {3, 4, 6, 7}), (Shape{3, 4, 4, 5}));
    EXPECT_EQ(output_shape("[" + kind + ": {kernel: 2, padding: same}]", {3, 4, 7, 8}), (Shape{3, 4, 4, 4}));
    EXPECT_EQ(output_shape("[" + kind + ": {kernel: [3, 1]}]", {3, 4, 6, 7}), (Shape{3, 4, 2, 7}));
  }
  EXPECT_EQ(output_shape("[global_avg_pool]", {3, 4, 6, 7}), (Shape{3, 4}));
  EXPECT_EQ(output_shape("[global_max_pool]", {3, 4, 6, 7}), (Shape{3, 4}));
}

TEST(PoolingLayers, NameMistakes) {
  const Shape images{2, 3, 4, 4};
  for (const std::string kind : {"max_pool", "avg_pool"}) {
    EXPECT_EQ(layer_error("[" + kind + ": 2]", {5, 3}),
              "test.yaml:1:2: " + kind + " '" + kind +
                  "_1': input has shape [5, 3], expected [batch, channels, height, width]");
    EXPECT_NE(layer_error("[" + kind + ": 5]", images).find(kind + "_1'"), std::string::npos);
    EXPECT_NE(layer_error("[" + kind + ": {kernel: 2, padding: 2}]", images).find(kind + "_1'"),
              std::string::npos);
    EXPECT_NE(layer_error("[" + kind + ": {stride: 2}]", images).find("kernel"), std::string::npos);
    EXPECT_EQ(layer_error("[" + kind + ": []]", images),
              "test.yaml:1:2: " + kind + ": kernel: has 0 numbers, expected one or [height, width]");
    EXPECT_NE(layer_error("[" + kind + ": {kernel: 2, stride: 0}]", images).find("stride"),
              std::string::npos);
  }
  for (const std::string kind : {"global_avg_pool", "global_max_pool"}) {
    EXPECT_EQ(layer_error("[" + kind + "]", {5, 3}),
              "test.yaml:1:2: " + kind + " '" + kind +
                  "_1': input has shape [5, 3], expected [batch, channels, height, width]");
  }
}

}  // namespace
}  // namespace slipway::test
