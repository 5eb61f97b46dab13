#include "core/base/component.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/core/base/sample_components.h"

namespace slipway {
namespace {

using sample::Figure;

ConfigNode parsed(const std::string& yaml) { return ConfigNode::parse(yaml, "a.yaml"); }

/// Reads a drawing; its mistakes a line each, "" if there are none.
std::string mistakes(const std::string& yaml, sample::Drawing* drawing = nullptr) {
  sample::Drawing own;
  ConfigErrors errors;
  read_component(parsed(yaml), drawing ? *drawing : own, errors);
  std::string all;
  for (const std::string& message : errors.messages()) all += (all.empty() ? "" : "\n") + message;
  return all;
}

/// Reads one figure; its mistakes a line each.
std::string figure_mistakes(const std::string& yaml) {
  Slot<Figure> slot;
  ConfigErrors errors;
  read_slot(parsed(yaml), slot, errors);
  std::string all;
  for (const std::string& message : errors.messages()) all += (all.empty() ? "" : "\n") + message;
  return all;
}

template <class Type>
Type figure(const std::string& yaml) {
  Slot<Figure> slot;
  ConfigErrors errors;
  read_slot(parsed(yaml), slot, errors);
  errors.throw_if_any();
  return dynamic_cast<Type&>(*slot);
}

TEST(ComponentKind, FindsByNameAndSuggests) {
  ComponentKind& kind = Registry<Figure>::kind();
  EXPECT_EQ(kind.name(), "figure");
  EXPECT_EQ(kind.names(), (std::vector<std::string>{"circle", "dot", "group", "polygon", "scaled"}));
  EXPECT_EQ(kind.find("circle")->summary, "All points at one distance.");
  EXPECT_EQ(kind.find("cirle"), nullptr);
  EXPECT_NE(dynamic_cast<sample::Circle*>(Registry<Figure>::make("circle").get()), nullptr);
  try {
    kind.get("cirle");
    FAIL() << "an unknown name was found";
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(),
                 "unknown figure 'cirle', did you mean 'circle'? Known: circle, dot, group, polygon, scaled");
  }
}

TEST(ComponentKind, IsListedOnceAndRefusesDuplicates) {
  const std::vector<ComponentKind*>& kinds = component_kinds();
  EXPECT_EQ(std::ranges::count(kinds, "figure", &ComponentKind::name), 1);
  EXPECT_TRUE(std::ranges::is_sorted(kinds, {}, &ComponentKind::name));
  EXPECT_EQ(&register_component_kind("figure"), &Registry<Figure>::kind());
  ComponentKind own("tool");
  own.add({"pen", "Draws.", [] { return std::make_shared<sample::Dot>(); }});
  EXPECT_THROW(own.add({"pen", "Again.", [] { return std::make_shared<sample::Dot>(); }}), Error);
  EXPECT_THROW(own.add({"", "No name.", [] { return std::make_shared<sample::Dot>(); }}), Error);
  EXPECT_THROW(own.add({"brush", "No maker.", nullptr}), Error);
}

TEST(ReadComponent, FillsEveryFieldType) {
  sample::Drawing drawing;
  ASSERT_EQ(mistakes("title: 2024\n"
                     "canvas: {width: 1e3, height: 1_000}\n"
                     "background: {circle: 0.25}\n"
                     "figures: [dot, polygon: 5]\n"
                     "weights: [1, 2.5e-3, 1_000.5, +.5, .inf]\n"
                     "tags: [a, \"5\", 6]\n"
                     "seed: 60_000\n"
                     "author: \"null\"\n"
                     "extra: {any: [thing]}\n",
                     &drawing),
            "");
  EXPECT_EQ(drawing.title, "2024");
  EXPECT_EQ(drawing.canvas.width, 1000);
  EXPECT_EQ(drawing.canvas.height, 1000);
  EXPECT_EQ(drawing.background.name, "circle");
  EXPECT_EQ(dynamic_cast<sample::Circle&>(*drawing.background).radius, 0.25);
  ASSERT_EQ(drawing.figures.size(), 2u);
  EXPECT_EQ(drawing.figures[0].name, "dot");
  EXPECT_EQ(dynamic_cast<sample::Polygon&>(*drawing.figures[1]).corners, 5);
  EXPECT_EQ(drawing.weights, (std::vector<double>{1, 2.5e-3, 1000.5, 0.5, HUGE_VAL}));
  EXPECT_EQ(drawing.tags, (std::vector<std::string>{"a", "5", "6"}));
  EXPECT_EQ(drawing.seed, 60000);
  EXPECT_EQ(drawing.author, "null");
  EXPECT_EQ(drawing.extra.find("any")->items()[0].scalar(), "thing");
}

TEST(ReadComponent, KeepsDefaultsAndMarksPlaces) {
  sample::Drawing drawing;
  ASSERT_EQ(
      mistakes("# a drawing\nfigures:\n  - dot\n  - scaled:\n      figure: polygon\ncanvas:\n  width: 800\n",
               &drawing),
      "");
  EXPECT_EQ(drawing.title, "untitled");
  EXPECT_EQ(drawing.canvas.height, 480);
  EXPECT_EQ(drawing.seed, std::nullopt);
  EXPECT_EQ(drawing.weights, (std::vector<double>{0.5, 1e-4}));
  EXPECT_EQ(text(drawing.where), "a.yaml:2:1");
  EXPECT_EQ(text(drawing.canvas.where), "a.yaml:6:1");
  EXPECT_EQ(text(drawing.figures[0]->where), "a.yaml:3:5");
  EXPECT_EQ(text(drawing.figures[1].where), "a.yaml:4:5");
  EXPECT_EQ(text(dynamic_cast<sample::Scaled&>(*drawing.figures[1]).figure->where), "a.yaml:5:15");
  EXPECT_EQ(text(drawing.background->where), "a.yaml:2:1") << "a default is where its owner is";
}

TEST(ReadComponent, TakesNullForWhatMayBeAbsent) {
  sample::Drawing drawing;
  drawing.seed = 3;
  ASSERT_EQ(mistakes("figures: []\nseed: null\nauthor:\nbackground: ~\ncanvas:\n", &drawing), "");
  EXPECT_EQ(drawing.seed, std::nullopt);
  EXPECT_EQ(drawing.author, std::nullopt);
  EXPECT_FALSE(drawing.background);
  EXPECT_EQ(drawing.canvas.width, 640);
}

TEST(ReadSlot, TakesEveryShorthand) {
  EXPECT_EQ(figure<sample::Circle>("circle: 2").radius, 2);
  EXPECT_EQ(figure<sample::Circle>("circle: {radius: 2}").radius, 2);
  EXPECT_EQ(figure<sample::Polygon>("polygon").corners, 4);
  EXPECT_EQ(figure<sample::Polygon>("polygon:").corners, 4);
  EXPECT_EQ(figure<sample::Polygon>("polygon: 6").corners, 6);
  EXPECT_EQ(figure<sample::Polygon>("polygon: [1, 2]").margin, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(figure<sample::Polygon>("polygon: {margin: 7}").margin, (std::vector<std::int64_t>{7}));
  EXPECT_EQ(figure<sample::Group>("group: [dot, {circle: 1}, group: [dot]]").figures.size(), 3u);
  EXPECT_EQ(figure<sample::Dot>("\"dot\"").where.line, 1);
}

TEST(ReadComponent, ReportsEveryMistakeAtOnceInFileOrder) {
  EXPECT_EQ(mistakes("titel: x\n"
                     "canvas: {width: 0, heigth: 5}\n"
                     "seed: -1\n"
                     "weights: [1, two]\n"),
            "a.yaml:1:1: unknown key 'titel', did you mean 'title'? Known: title, canvas, background, "
            "figures, weights, "
            "tags, seed, author, extra, blocks, more\n"
            "a.yaml:1:1: missing key 'figures', expected a list, each a figure\n"
            "a.yaml:2:17: canvas.width: expected an integer >= 1, got '0'\n"
            "a.yaml:2:20: canvas: unknown key 'heigth', did you mean 'height'? Known: width, height\n"
            "a.yaml:3:7: seed: expected an integer >= 0 or null, got '-1'\n"
            "a.yaml:4:14: weights: expected a number >= 0, got 'two'");
}

TEST(ReadComponent, NamesWhatItExpected) {
  const auto mistake = [](const std::string& yaml) { return mistakes("figures: []\n" + yaml); };
  EXPECT_EQ(mistake("title: [a]"), "a.yaml:2:8: title: expected a string, got a list");
  EXPECT_EQ(mistake("title:"), "a.yaml:2:1: title: expected a string, got nothing");
  EXPECT_EQ(mistake("tags: {a: b}"), "a.yaml:2:7: tags: expected a list of strings, got a mapping");
  EXPECT_EQ(mistake("tags: [a, [b]]"), "a.yaml:2:11: tags: expected a string, got a list");
  EXPECT_EQ(mistake("weights:"), "a.yaml:2:1: weights: expected a list of numbers >= 0, got nothing");
  EXPECT_EQ(mistake("seed: 1.5"), "a.yaml:2:7: seed: expected an integer >= 0 or null, got '1.5'");
  EXPECT_EQ(mistake("seed: \"5\""),
            "a.yaml:2:7: seed: expected an integer >= 0 or null, got the string \"5\"");
  EXPECT_EQ(mistake("canvas: [1]"), "a.yaml:2:9: canvas.width: expected an integer >= 1, got a list");
  EXPECT_EQ(mistake("background: {a: 1, b: 2}"),
            "a.yaml:2:13: expected a figure as `name` or `name: settings`, got a mapping of 2 keys: a, b");
  EXPECT_EQ(mistake("background: [dot]"),
            "a.yaml:2:13: expected a figure as `name` or `name: settings`, got a list");
  EXPECT_EQ(mistake("background: square"),
            "a.yaml:2:13: unknown figure 'square', expected one of circle, dot, group, polygon, scaled");
  EXPECT_EQ(mistakes("figures: dot"), "a.yaml:1:10: figures: expected a list, each a figure, got 'dot'");
  EXPECT_EQ(mistakes("figures: [~]"), "a.yaml:1:11: figures: expected a figure, got nothing");
  EXPECT_EQ(mistakes("- dot"), "a.yaml:1:1: expected a mapping, got a list");
  EXPECT_EQ(mistakes(""), "a.yaml:1:1: missing key 'figures', expected a list, each a figure");
}

TEST(ReadSlot, NamesWhatItExpected) {
  EXPECT_EQ(figure_mistakes("circle: 0"), "a.yaml:1:9: circle.radius: expected a number > 0, got '0'");
  EXPECT_EQ(figure_mistakes("circle: .nan"), "a.yaml:1:9: circle.radius: expected a number > 0, got '.nan'");
  EXPECT_EQ(figure_mistakes("circle: nan"), "a.yaml:1:9: circle.radius: expected a number > 0, got 'nan'");
  EXPECT_EQ(figure_mistakes("circle: 1e999"),
            "a.yaml:1:9: circle.radius: expected a number > 0, got '1e999'");
  EXPECT_EQ(figure_mistakes("circle: 1__0"), "a.yaml:1:9: circle.radius: expected a number > 0, got '1__0'");
  EXPECT_EQ(figure_mistakes("circle: _1"), "a.yaml:1:9: circle.radius: expected a number > 0, got '_1'");
  EXPECT_EQ(figure_mistakes("circle"), "a.yaml:1:1: circle: missing key 'radius', expected a number > 0");
  EXPECT_EQ(figure_mistakes("  circle: {}"),
            "a.yaml:1:3: circle: missing key 'radius', expected a number > 0");
  EXPECT_EQ(figure_mistakes("dot: 5"), "a.yaml:1:6: dot: has no settings, got '5'");
  EXPECT_EQ(figure_mistakes("dot: {size: 5}"), "a.yaml:1:7: dot: has no settings, got 'size'");
  EXPECT_EQ(figure_mistakes("scaled: 5"), "a.yaml:1:9: scaled: expected a mapping, got '5'");
  EXPECT_EQ(figure_mistakes("scaled: {figure: }"),
            "a.yaml:1:10: scaled.figure: expected a figure, got nothing");
  EXPECT_EQ(figure_mistakes("scaled: {figure: dot, factor: 10}"),
            "a.yaml:1:31: scaled.factor: expected a number in [0, 10), got '10'");
  EXPECT_EQ(figure_mistakes("polygon: 13"),
            "a.yaml:1:10: polygon.corners: expected an integer in [3, 12], got '13'");
  EXPECT_EQ(figure_mistakes("polygon: 1e300"),
            "a.yaml:1:10: polygon.corners: expected an integer in [3, 12], got '1e300'");
  EXPECT_EQ(figure_mistakes("polygon: 99999999999999999999"),
            "a.yaml:1:10: polygon.corners: expected an integer in [3, 12], got '99999999999999999999'");
  EXPECT_EQ(figure_mistakes("polygon: {filled: yes}"),
            "a.yaml:1:19: polygon.filled: expected true or false, got 'yes'");
  EXPECT_EQ(
      figure_mistakes("polygon: {style: dahsed}"),
      "a.yaml:1:18: polygon.style: unknown value 'dahsed', did you mean 'dashed'? Known: solid, dashed");
  EXPECT_EQ(figure_mistakes("polygon: {style: [solid]}"),
            "a.yaml:1:18: polygon.style: expected one of solid, dashed, got a list");
  EXPECT_EQ(figure_mistakes("polygon: {dash: 0}"),
            "a.yaml:1:17: polygon.dash: expected a number in (0, 1] or null, got '0'");
  EXPECT_EQ(figure_mistakes("group: [cirle: 2]"),
            "a.yaml:1:9: unknown figure 'cirle', did you mean 'circle'? Known: circle, dot, group, polygon, "
            "scaled");
}

TEST(ReadComponent, ChecksAcrossFieldsOnlyIfTheyWereRead) {
  EXPECT_EQ(mistakes("figures: []\ncanvas: {width: 5, height: 6}"),
            "a.yaml:2:1: canvas: height exceeds width");
  EXPECT_EQ(mistakes("figures: []\ncanvas: {width: five, height: 600000}"),
            "a.yaml:2:17: canvas.width: expected an integer >= 1, got 'five'");
}

TEST(WriteComponent, WritesEveryValueSoThatItReadsBack) {
  sample::Drawing drawing;
  ASSERT_EQ(mistakes("title: \"1e5\"\n"
                     "figures: [dot, circle: 1e-7, scaled: {figure: {group: [polygon: 3]}}]\n"
                     "weights: [.inf, 0.1, 1e22]\n"
                     "tags: [\"\", \"null\", \"a: b\"]\n"
                     "seed: 9007199254740993\n"
                     "extra: {x: \"5\", z: 5}\n",
                     &drawing),
            "");
  const std::string written = write_component(drawing).to_yaml();
  EXPECT_EQ(written,
            "title: \"1e5\"\n"
            "canvas:\n"
            "  width: 640\n"
            "  height: 480\n"
            "background: dot\n"
            "figures:\n"
            "  - dot\n"
            "  - circle:\n"
            "      radius: 1.0e-07\n"
            "  - scaled:\n"
            "      figure:\n"
            "        group:\n"
            "          figures:\n"
            "            - polygon:\n"
            "                corners: 3\n"
            "                filled: true\n"
            "                style: solid\n"
            "                margin: [0, 0]\n"
            "                dash: null\n"
            "      factor: 2\n"
            "weights: [.inf, 0.1, 1.0e+22]\n"
            "tags: [\"\", \"null\", \"a: b\"]\n"
            "seed: 9007199254740993\n"
            "author: null\n"
            "extra:\n"
            "  x: \"5\"\n"
            "  z: 5\n"
            "blocks: null\n"
            "more: null\n");
  sample::Drawing again;
  ASSERT_EQ(mistakes(written, &again), "");
  EXPECT_EQ(write_component(again).to_yaml(), written);
  EXPECT_TRUE(write_slot(Slot<Figure>()).is_null());
}

}  // namespace
}  // namespace slipway
