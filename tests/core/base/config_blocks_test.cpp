#include "core/base/config_blocks.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/core/base/sample_components.h"

namespace slipway {
namespace {

const BlockTarget kTarget{.kind = Registry<sample::Figure>::kind(), .sequence = "group"};

struct Expanded {
  ConfigNode list;
  std::string mistakes;
};

Expanded expand(const std::string& yaml) {
  const ConfigNode root = ConfigNode::parse(yaml, "a.yaml");
  const ConfigNode* blocks = root.find("blocks");
  ConfigErrors errors;
  Expanded result;
  result.list = expand_blocks(*root.find("figures"), blocks ? *blocks : ConfigNode(), kTarget, errors);
  for (const std::string& message : errors.messages()) {
    result.mistakes += (result.mistakes.empty() ? "" : "\n") + message;
  }
  return result;
}

std::string expanded(const std::string& yaml) {
  const Expanded result = expand(yaml);
  EXPECT_EQ(result.mistakes, "");
  return result.list.to_yaml();
}

std::string canonical(const std::string& yaml) { return ConfigNode::parse(yaml, "b.yaml").to_yaml(); }

TEST(ExpandBlocks, LeavesOtherComponentsAlone) {
  const std::string list = "- dot\n- circle: 5\n- group: [dot, {circle: {radius: 2}}]\n- unknown: {a: [1]}\n";
  EXPECT_EQ(expanded("blocks: {ring: {layers: [dot]}}\nfigures:\n" + list), canonical(list));
  EXPECT_EQ(expanded("figures:\n" + list), canonical(list));
}

TEST(ExpandBlocks, BindsArgumentsByNamePositionAndDefault) {
  const std::string blocks =
      "blocks: {ring: {parameters: {size: , corners: 3}, layers: [circle: $size, polygon: $corners]}}\n";
  const auto ring = [](const std::string& size, const std::string& corners) {
    return canonical("- group: [circle: " + size + ", polygon: " + corners + "]");
  };
  EXPECT_EQ(expanded(blocks + "figures: [ring: 2]"), ring("2", "3"));
  EXPECT_EQ(expanded(blocks + "figures: [ring: {size: 2, corners: 5}]"), ring("2", "5"));
  EXPECT_EQ(expanded(blocks + "figures: [ring: \"2\"]"), ring("\"2\"", "3")) << "arguments keep their type";
  EXPECT_EQ(expanded("blocks: {pair: {layers: [dot, dot]}}\nfigures: [pair, pair: ]"),
            canonical("- group: [dot, dot]\n- group: [dot, dot]"));
  EXPECT_EQ(expanded("blocks: {pair: [dot, dot]}\nfigures: [pair]"), canonical("- group: [dot, dot]"));
  EXPECT_EQ(expanded("blocks: {frame: {parameters: {margin: }, layers: [polygon: {margin: $margin, style: "
                     "\"$margin\"}]}}\n"
                     "figures: [frame: [1, 2]]"),
            canonical("- group: [polygon: {margin: [1, 2], style: \"$margin\"}]"))
      << "a quoted scalar is text";
}

TEST(ExpandBlocks, ExpandsInsideCombinatorsBlocksAndArguments) {
  const std::string blocks =
      "blocks:\n"
      "  ring: {parameters: {size: }, layers: [circle: $size]}\n"
      "  double: {parameters: {inner: , size: 1}, layers: [$inner, scaled: {figure: {ring: $size}}]}\n";
  EXPECT_EQ(expanded(blocks + "figures: [group: [ring: 1, {group: {figures: [ring: 2]}}]]"),
            canonical("- group: [group: [circle: 1], {group: {figures: [group: [circle: 2]]}}]"));
  EXPECT_EQ(expanded(blocks + "figures: [scaled: {figure: {ring: 3}, factor: 2}]"),
            canonical("- scaled: {figure: {group: [circle: 3]}, factor: 2}"));
  EXPECT_EQ(expanded(blocks + "figures: [double: {inner: dot, size: 4}]"),
            canonical("- group: [dot, {scaled: {figure: {group: [circle: 4]}}}]"));
  EXPECT_EQ(expanded(blocks + "figures: [double: {inner: {double: {inner: {ring: 7}}}}]"),
            canonical("- group:\n"
                      "  - group: [group: [circle: 7], scaled: {figure: {group: [circle: 1]}}]\n"
                      "  - scaled: {figure: {group: [circle: 1]}}"))
      << "a block may be an argument of itself";
}

TEST(ExpandBlocks, DoesNotTakeFieldsForUses) {
  EXPECT_EQ(
      expanded("blocks: {corners: {parameters: {n: }, layers: [polygon: {corners: $n}]}}\n"
               "figures: [polygon: {corners: 5}, polygon: {style: corners}, corners: 6]"),
      canonical("- polygon: {corners: 5}\n- polygon: {style: corners}\n- group: [polygon: {corners: 6}]"));
}

TEST(ExpandBlocks, KeepsPositionsOfTheBlock) {
  const Expanded result = expand(
      "blocks:\n"
      "  ring:\n"
      "    parameters: {size: }\n"
      "    layers:\n"
      "      - circle: $size\n"
      "figures:\n"
      "  - ring: -1\n"
      "  - ring: -1\n");
  ASSERT_EQ(result.mistakes, "");
  ConfigErrors errors;
  sample::Group group;
  read_component(ConfigNode::make_mapping({{"figures", {}, result.list}}, {}), group, errors);
  EXPECT_EQ(errors.messages(),
            std::vector<std::string>{"a.yaml:5:17: circle.radius: expected a number > 0, got '-1'"});
  EXPECT_EQ(text(group.figures[1].where), "a.yaml:8:5");
}

TEST(ExpandBlocks, ReportsMistakesOfDefinitions) {
  const auto mistakes = [](const std::string& blocks) {
    return expand("figures: []\nblocks:\n" + blocks).mistakes;
  };
  EXPECT_EQ(mistakes("  circle: [dot]"), "a.yaml:3:3: block 'circle' has the name of a registered figure");
  EXPECT_EQ(mistakes("  ring: 5"), "a.yaml:3:9: ring.layers: expected a list, each a figure, got '5'");
  EXPECT_EQ(mistakes("  ring: {parameters: {a: 1}}"),
            "a.yaml:3:3: ring: missing key 'layers', expected a list, each a figure");
  EXPECT_EQ(mistakes("  ring: {layer: [], layers: []}"),
            "a.yaml:3:10: ring: unknown key 'layer', did you mean 'layers'? Known: parameters, layers");
  EXPECT_EQ(mistakes("  ring: {parameters: [a], layers: []}"),
            "a.yaml:3:22: ring.parameters: expected a mapping of names to defaults");
  EXPECT_EQ(mistakes("  ring: {parameters: {a: 1, b: [$a]}, layers: []}"),
            "a.yaml:3:33: ring: a default cannot refer to a parameter, got '$a'");
  EXPECT_EQ(mistakes("  ring: {parameters: {size: 1}, layers: [circle: $sise]}"),
            "a.yaml:3:50: ring: unknown parameter 'sise', did you mean 'size'? Known: size");
  EXPECT_EQ(mistakes("  ring: [circle: $size]"), "a.yaml:3:18: ring: has no parameters, got '$size'");
  EXPECT_EQ(expand("figures: []\nblocks: [ring]").mistakes,
            "a.yaml:2:9: blocks: expected a mapping of names to blocks");
}

TEST(ExpandBlocks, NamesCycles) {
  const std::string cycle =
      "blocks:\n"
      "  a: [group: [b]]\n"
      "  b: {layers: [dot, c: ]}\n"
      "  c: [scaled: {figure: {a: }}]\n"
      "  d: [d]\n"
      "  e: [a]\n";
  const std::string expected =
      "a.yaml:2:3: block 'a' contains itself: a -> b -> c -> a\n"
      "a.yaml:5:3: block 'd' contains itself: d -> d";
  EXPECT_EQ(expand(cycle + "figures: []").mistakes, expected);
  EXPECT_EQ(expand(cycle + "figures: [a, b, d, e]").mistakes, expected);
  EXPECT_EQ(expand("blocks: {a: {parameters: {p: }, layers: [$p]}}\nfigures: [a: a]").mistakes,
            "a.yaml:1:10: block 'a' contains itself: a -> a");
}

TEST(ExpandBlocks, ReportsMistakesOfUses) {
  const std::string blocks =
      "blocks: {ring: {parameters: {size: , corners: 3}, layers: [circle: $size]}, pair: [dot, "
      "dot]}\nfigures: ";
  const auto mistakes = [&](const std::string& figures) { return expand(blocks + figures).mistakes; };
  EXPECT_EQ(mistakes("[ring]"), "a.yaml:2:11: ring: missing argument 'size'");
  EXPECT_EQ(mistakes("[ring: {corners: 1}]"), "a.yaml:2:11: ring: missing argument 'size'");
  EXPECT_EQ(mistakes("[ring: {size: 1, corner: 1}]"),
            "a.yaml:2:27: ring: unknown argument 'corner', did you mean 'corners'? Known: size, corners");
  EXPECT_EQ(mistakes("[pair: 5]"), "a.yaml:2:17: pair: has no parameters, got an argument");
  EXPECT_EQ(mistakes("[pair: {size: 5}]"), "a.yaml:2:18: pair: has no parameters, got an argument");
  EXPECT_EQ(mistakes("[circle: $size]"),
            "a.yaml:2:19: '$size' stands for a parameter, but is outside of a block");
  EXPECT_EQ(
      mistakes("[ring, pair: 5]"),
      "a.yaml:2:11: ring: missing argument 'size'\na.yaml:2:23: pair: has no parameters, got an argument");
}

TEST(ExpandBlocks, BoundsWhatBlocksExpandTo) {
  std::string wide = "blocks:\n  b0: [dot, dot]\n", deep = "blocks:\n  b0: [dot]\n";
  for (int i = 1; i < 40; ++i) wide += text("  b", i, ": [b", i - 1, ", b", i - 1, "]\n");
  for (int i = 1; i < 1000; ++i) deep += text("  b", i, ": [b", i - 1, "]\n");
  EXPECT_THROW(expand(wide + "figures: [b39]"), UserError);
  EXPECT_THROW(expand(deep + "figures: [b999]"), UserError);
  EXPECT_NO_THROW(expand(wide + "figures: [b5]"));
  std::string doubling = "blocks:\n  b0: {parameters: {p: }, layers: [group: $p]}\n";
  for (int i = 1; i < 40; ++i)
    doubling += text("  b", i, ": {parameters: {p: }, layers: [b", i - 1, ": [$p, $p]]}\n");
  EXPECT_THROW(expand(doubling + "figures: [b39: dot]"), UserError);
}

}  // namespace
}  // namespace slipway
