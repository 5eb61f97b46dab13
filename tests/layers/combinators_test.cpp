#include <gtest/gtest.h>

#include "tests/support/layer_models.h"
#include "tests/support/layer_reference.h"

namespace slipway::test {
namespace {

TEST(LayerReference, Combinators) { expect_follows_pytorch("combinators"); }

TEST(Combinators, NestNames) {
  const LayerGraph model(
      parse_layers("- repeat: {times: 2, layers: [residual: [linear: 4]]}\n"
                   "- branch:\n"
                   "    branches: [linear: 1, {linear: {features: 1, name: own}}]\n"
                   "- sequence: {layers: [linear: {features: 1, bias: false}], name: head}\n"),
      {DType::float32, {2, 4}});
  EXPECT_EQ(model.describe_trainable(),
            (std::vector<std::string>{
                "repeat_1.1.residual_1.linear_1.weight [4, 4]", "repeat_1.1.residual_1.linear_1.bias [4]",
                "repeat_1.2.residual_1.linear_1.weight [4, 4]", "repeat_1.2.residual_1.linear_1.bias [4]",
                "branch_1.linear_1.weight [1, 4]", "branch_1.linear_1.bias [1]", "branch_1.own.weight [1, 4]",
                "branch_1.own.bias [1]", "head.linear_1.weight [1, 1]"}));
}

TEST(Combinators, NamesMustDiffer) {
  EXPECT_NE(layer_error("[linear: {features: 4, name: a}, linear: {features: 4, name: a}]", {2, 4})
                .find("a.weight"),
            std::string::npos);
}

TEST(ResidualLayer, NamesShapesThatDiffer) {
  EXPECT_EQ(layer_error("[residual: [linear: 5]]", {2, 4}),
            "test.yaml:1:2: residual 'residual_1': layers give shape [2, 5], but the input to which it is "
            "added has "
            "[2, 4]; expected layers that keep the shape, or a `shortcut` to that shape");
  EXPECT_EQ(layer_error("[residual: {layers: [linear: 5], shortcut: [linear: 6]}]", {2, 4}),
            "test.yaml:1:2: residual 'residual_1': layers give shape [2, 5], but the shortcut gives [2, 6]; "
            "expected a "
            "shortcut to the same shape");
  EXPECT_NE(layer_error("[residual: {shortcut: [linear: 6]}]", {2, 4}).find("layers"), std::string::npos);
}

TEST(ResidualLayer, MistakesInsideNameTheirOwnPlace) {
  EXPECT_EQ(layer_error("- residual:\n    - linear: 4\n    - conv2d: 3\n", {2, 4}),
            "test.yaml:3:7: conv2d 'residual_1.conv2d_1': input has shape [2, 4], expected [batch, channels, "
            "height, "
            "width]");
}

TEST(BranchLayer, JoinsOneOrMore) {
  const auto shape = [](const std::string& yaml, const Shape& input) {
    const LayerGraph model(parse_layers(yaml), {DType::float32, input});
    return model.graph.type(model.output).shape;
  };
  EXPECT_EQ(shape("[branch: {branches: [linear: 3, linear: 5], join: concat}]", {2, 4}), (Shape{2, 8}));
  EXPECT_EQ(shape("[branch: {branches: [linear: 3], join: concat}]", {2, 4}), (Shape{2, 3}));
  EXPECT_EQ(shape("[branch: {branches: [conv2d: 3, conv2d: 2], join: concat}]", {2, 1, 5, 5}),
            (Shape{2, 5, 3, 3}));
  EXPECT_EQ(shape("[branch: {branches: [sequence: [], linear: 4], join: multiply}]", {2, 4}), (Shape{2, 4}));
}

TEST(BranchLayer, NamesMistakes) {
  EXPECT_EQ(layer_error("[branch: {branches: [linear: 3, linear: 1]}]", {2, 4}),
            "test.yaml:1:2: branch 'branch_1': branch 1 gives shape [2, 3], but branch 2 gives [2, 1]; to "
            "add them, "
            "expected equal shapes");
  EXPECT_EQ(layer_error("[branch: {branches: [conv2d: 2, max_pool: 2], join: concat}]", {2, 1, 5, 5}),
            "test.yaml:1:2: branch 'branch_1': branch 1 gives shape [2, 2, 3, 3], but branch 2 gives [2, 1, "
            "2, 2]; to "
            "concat them, expected equal shapes but for axis 1");
  EXPECT_EQ(layer_error("[branch: {branches: []}]", {2, 4}),
            "test.yaml:1:2: branch: has no branches, expected at least one");
  EXPECT_NE(layer_error("[branch: {branches: [linear: 3], join: subtract}]", {2, 4}).find("concat"),
            std::string::npos);
}

TEST(RepeatLayer, MayStandForNothing) {
  const LayerGraph model(parse_layers("[repeat: {times: 0, layers: [linear: 5]}]"), {DType::float32, {2, 4}});
  EXPECT_EQ(model.output, model.input);
  EXPECT_NE(layer_error("[repeat: {times: -1, layers: [relu]}]", {2, 4}).find("times"), std::string::npos);
}

}  // namespace
}  // namespace slipway::test
