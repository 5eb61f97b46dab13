#include <gtest/gtest.h>

#include "tests/support/layer_models.h"
#include "tests/support/layer_reference.h"

namespace slipway::test {
namespace {

Shape output_shape(const std::string& yaml, const Shape& input) {
  const LayerGraph model(parse_layers(yaml), {DType::float32, input});
  return model.graph.type(model.output).shape;
}

TEST(LayerReference, FlattenAndReshape) { expect_follows_pytorch("shapes"); }

TEST(FlattenLayer, KeepsTheBatch) {
  EXPECT_EQ(output_shape("[flatten]", {3, 4, 5}), (Shape{3, 20}));
  EXPECT_EQ(output_shape("[flatten]", {3}), (Shape{3, 1}));
  EXPECT_EQ(output_shape("[flatten]", {0, 4, 5}), (Shape{0, 20}));
  EXPECT_EQ(layer_error("[flatten]", {}),
            "test.yaml:1:2: flatten 'flatten_1': input is a scalar, expected [batch, ...]");
}

TEST(ReshapeLayer, ArrangesEachSample) {
  EXPECT_EQ(output_shape("[reshape: [2, 3]]", {5, 6}), (Shape{5, 2, 3}));
  EXPECT_EQ(output_shape("[reshape: 6]", {5, 2, 3}), (Shape{5, 6}));
  EXPECT_EQ(output_shape("[reshape: [-1, 1]]", {5, 2, 3}), (Shape{5, 6, 1}));
  EXPECT_EQ(output_shape("[reshape: [-1, 3]]", {0, 6}), (Shape{0, 2, 3}));
}

TEST(ReshapeLayer, NamesMistakes) {
  const Shape any{5, 6};
  EXPECT_EQ(
      layer_error("[reshape: [4, 2]]", any),
      "test.yaml:1:2: reshape 'reshape_1': input has shape [5, 6] with 6 values a sample, which cannot be "
      "arranged as [4, 2]");
  EXPECT_NE(layer_error("[reshape: [4, -1]]", any).find("cannot be arranged"), std::string::npos);
  EXPECT_NE(layer_error("[reshape: [-1, -1]]", any).find("-1 more than once"), std::string::npos);
  EXPECT_NE(layer_error("[reshape: [0, 3]]", any).find("size of 0"), std::string::npos);
  EXPECT_NE(layer_error("[reshape: [-2, 3]]", any).find("-2"), std::string::npos);
  EXPECT_NE(layer_error("[reshape: [1, 1, 1, 1, 1, 1, 2, 3]]", any).find("8 sizes"), std::string::npos);
  EXPECT_NE(layer_error("[reshape: [4000000000000, 4000000000000]]", any).find("reshape_1"),
            std::string::npos);
}

}  // namespace
}  // namespace slipway::test
