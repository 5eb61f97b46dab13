#include "core/base/config_schema.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/base/config_blocks.h"
#include "core/base/error.h"
#include "tests/core/base/sample_components.h"
#include "tests/support/paths.h"

namespace slipway {
namespace {

using nlohmann::json;

json schema() {
  sample::Drawing drawing;
  return json_schema(drawing);
}

/// What the reference validator says of each file, a line each.
std::vector<std::string> validate(const std::vector<std::string>& yamls) {
  const auto directory = std::filesystem::temp_directory_path() / text("config_schema_", getpid());
  std::filesystem::create_directory(directory);
  std::ofstream(directory / "schema.json") << schema().dump();
  std::string command = text("/usr/bin/python3 ", test::source_path("tests/core/base/validate_yaml.py"), " ",
                             (directory / "schema.json").string());
  for (std::size_t i = 0; i < yamls.size(); ++i) {
    const auto path = directory / text("case", i, ".yaml");
    std::ofstream(path) << yamls[i];
    command += " " + path.string();
  }
  FILE* output = popen(command.c_str(), "r");
  std::vector<std::string> verdicts;
  for (char line[4096]; std::fgets(line, sizeof line, output) != nullptr;) {
    verdicts.emplace_back(line);
    verdicts.back().pop_back();
  }
  EXPECT_EQ(pclose(output), 0);
  std::filesystem::remove_all(directory);
  return verdicts;
}

/// Whether Slipway takes the file, blocks expanded.
bool reads(const std::string& yaml) {
  sample::Drawing drawing;
  ConfigErrors errors;
  read_component(ConfigNode::parse(yaml, "a.yaml"), drawing, errors);
  std::vector<ConfigNode> figures = drawing.more.items();
  const BlockTarget target{.kind = Registry<sample::Figure>::kind(), .sequence = "group"};
  const ConfigNode list = ConfigNode::make_sequence(std::move(figures), drawing.more.where());
  const ConfigNode expanded = expand_blocks(list, drawing.blocks, target, errors);
  sample::Group group;
  read_component(ConfigNode::make_mapping({{"figures", {}, expanded}}, {}), group, errors);
  return errors.empty();
}

TEST(ConfigSchema, AcceptsWhatTheReaderAccepts) {
  const std::vector<std::string> yamls = {
      "figures: []",
      "title: 2024\nfigures: [dot, circle: 0.25, circle: {radius: 1e-3}, polygon, polygon: , polygon: 5]",
      "figures: [polygon: [1, 2], polygon: {margin: 3}, polygon: {dash: null, style: dashed}]",
      "figures: [group: [dot, {group: []}], scaled: {figure: dot}]",
      "canvas: 1_000\nfigures: []",
      "canvas: {width: 1e3, height: 60}\nseed: 60_000\nweights: 0.5\nfigures: []",
      "canvas:\nseed:\nauthor:\nbackground:\ntags: [a, 1]\nextra: {any: [thing]}\nfigures: []",
      "figures: []\nblocks:\n  ring: {parameters: {size: , n: 3}, layers: [circle: $size, polygon: {corners: "
      "$n, "
      "filled: $size, style: $size, margin: [$n]}, $n, group: $n]}\n  pair: [dot, dot]\n",
      "figures: []\nblocks: {pair: [dot, dot]}\nmore: [pair, pair: , group: [pair]]",
      "figures: []\nblocks: {ring: {parameters: {size: }, layers: [circle: $size]}}\nmore: [ring: 3, ring: "
      "{size: 4}]",
  };
  const std::vector<std::string> verdicts = validate(yamls);
  ASSERT_EQ(verdicts.size(), yamls.size());
  for (std::size_t i = 0; i < yamls.size(); ++i) {
    EXPECT_EQ(verdicts[i], "valid") << yamls[i];
    EXPECT_TRUE(reads(yamls[i])) << yamls[i];
  }
}

TEST(ConfigSchema, RefusesWhatTheReaderRefuses) {
  const std::vector<std::string> yamls = {
      "{}",
      "[]",
      "figures: dot",
      "figures: [circle]",
      "figures: [circle: 0]",
      "figures: [circle: ]",
      "figures: [circle: {radius: 1, colour: red}]",
      "figures: [dot: 5]",
      "figures: [[dot]]",
      "figures: [polygon: 2]",
      "figures: [polygon: 13]",
      "figures: [polygon: 3.5]",
      "figures: [polygon: five]",
      "figures: [polygon: {style: dotted}]",
      "figures: [polygon: {filled: 1}]",
      "figures: [polygon: {dash: 0}]",
      "figures: [polygon: {margin: [-1]}]",
      "figures: [scaled: {factor: 1}]",
      "figures: [scaled: {figure: dot, factor: 10}]",
      "figures: [group: dot]",
      "figures: []\ntitel: x",
      "figures: []\ncanvas: {width: 0}",
      "figures: []\nseed: 1.5",
      "figures: []\ntags: {a: b}",
      "figures: []\nblocks: {ring: {layer: []}}",
      "figures: []\nblocks: 5",
      "figures: []\nmore: dot",
  };
  const std::vector<std::string> verdicts = validate(yamls);
  ASSERT_EQ(verdicts.size(), yamls.size());
  for (std::size_t i = 0; i < yamls.size(); ++i) {
    EXPECT_NE(verdicts[i], "valid") << yamls[i];
    EXPECT_FALSE(reads(yamls[i])) << yamls[i];
  }
}

TEST(ConfigSchema, TellsEditorsDefaultsBoundsAndHelp) {
  const json all = schema();
  EXPECT_EQ(all["$schema"], "https://json-schema.org/draft/2020-12/schema");
  EXPECT_EQ(all["required"], json({"figures"}));
  EXPECT_EQ(all["additionalProperties"], false);
  const json& title = all["properties"]["title"];
  EXPECT_EQ(title["description"], "shown above");
  EXPECT_EQ(title["default"], "untitled");
  EXPECT_EQ(all["properties"]["weights"]["default"], json({0.5, 1e-4}));
  EXPECT_EQ(all["properties"]["background"]["default"], "dot");
  EXPECT_EQ(all["properties"]["canvas"]["default"], json({{"width", 640}, {"height", 480}}));

  const json& polygon = all["$defs"]["figure.polygon"];
  EXPECT_EQ(polygon["description"], "Straight lines that close.");
  const json& corners = polygon["anyOf"][0]["properties"]["corners"];
  EXPECT_EQ(corners["minimum"], 3);
  EXPECT_EQ(corners["maximum"], 12);
  EXPECT_EQ(corners["default"], 4);
  EXPECT_EQ(corners["description"], "how many");
  EXPECT_FALSE(all["$defs"]["figure.circle"]["anyOf"][0]["properties"]["radius"].contains("default"));

  const json& figure = all["$defs"]["figure"]["oneOf"];
  EXPECT_EQ(figure[0]["enum"], json({"dot", "polygon"})) << "names that need no settings";
  EXPECT_EQ(figure[0]["enumDescriptions"][0], "A point.");
  EXPECT_EQ(figure[1]["properties"]["circle"]["$ref"], "#/$defs/figure.circle");
}

TEST(ConfigSchema, KnowsParametersOnlyWhereThereAreBlocks) {
  sample::Group group;
  const json all = json_schema(group);
  EXPECT_EQ(all.dump().find("\\$"), std::string::npos);
  EXPECT_EQ(all["$defs"]["figure"]["oneOf"].size(), 2u);
}

TEST(ComponentDocs, ShowFieldsAndHowToWriteThem) {
  const ComponentKind& kind = Registry<sample::Figure>::kind();
  EXPECT_EQ(component_docs(kind, kind.get("polygon")),
            "polygon (figure)\n"
            "Straight lines that close.\n"
            "\n"
            "  FIELD    TYPE              DEFAULT  ACCEPTS        MEANING\n"
            "  corners  integer           4        in [3, 12]     how many\n"
            "  filled   true or false     true                    paint the inside\n"
            "  style    string            solid    solid, dashed  of the line\n"
            "  margin   list of integers  [0, 0]   >= 0           around it\n"
            "  dash     number or null    null     in (0, 1]      length of a dash\n"
            "\n"
            "In short:\n"
            "\n"
            "  polygon\n"
            "  polygon: 4\n"
            "  polygon: [0, 0]\n"
            "\n"
            "In full:\n"
            "\n"
            "  polygon:\n"
            "    corners: 4\n"
            "    filled: true\n"
            "    style: solid\n"
            "    margin: [0, 0]\n"
            "    dash: null\n");
  EXPECT_EQ(component_docs(kind, kind.get("dot")),
            "dot (figure)\nA point.\n\nIt has no settings.\n\nTo write it:\n\n  dot\n");
  EXPECT_EQ(component_docs(kind, kind.get("scaled")),
            "scaled (figure)\n"
            "A figure made larger or smaller.\n"
            "\n"
            "  FIELD   TYPE    DEFAULT   ACCEPTS     MEANING\n"
            "  figure  figure  required              what is scaled\n"
            "  factor  number  2         in [0, 10)  by how much\n"
            "\n"
            "In full:\n"
            "\n"
            "  scaled:\n"
            "    figure: dot\n"
            "    factor: 2\n");
}

TEST(ComponentDocs, WriteAListAsAList) {
  struct Ring : Component {
    std::vector<std::int64_t> sizes;
    void fields(FieldVisitor& visit) override {
      visit.field("sizes", sizes, {.help = "", .required = true, .positional = true, .min = 20, .max = 30});
    }
  };
  const std::string docs =
      component_docs(ComponentKind("shape"), {"ring", "Round.", [] { return std::make_shared<Ring>(); }});
  EXPECT_NE(docs.find("In short:\n\n  ring: [21]\n\nIn full:\n\n  ring:\n    sizes: [21]\n"),
            std::string::npos)
      << docs;
}

TEST(ComponentDocs, ShowExamplesThatRead) {
  const ComponentKind& kind = Registry<sample::Figure>::kind();
  for (const auto& [name, entry] : kind.entries()) {
    const std::string docs = component_docs(kind, entry);
    const std::size_t full = docs.find(entry.name == "dot" ? "To write it:" : "In full:");
    ASSERT_NE(full, std::string::npos);
    Slot<sample::Figure> slot;
    ConfigErrors errors;
    read_slot(ConfigNode::parse(docs.substr(docs.find('\n', full)), name), slot, errors);
    EXPECT_NO_THROW(errors.throw_if_any()) << docs;
    EXPECT_EQ(slot.name, name);
  }
}

TEST(ComponentDocs, ShowSubStructures) {
  ComponentKind kind("picture");
  kind.add({"drawing", "Figures on a canvas.", [] { return std::make_shared<sample::Drawing>(); }});
  const std::string docs = component_docs(kind, kind.get("drawing"));
  EXPECT_NE(docs.find("\n  canvas.width   integer            640"), std::string::npos) << docs;
  EXPECT_NE(docs.find("\n  background     figure             dot"), std::string::npos) << docs;
  EXPECT_NE(docs.find("\n  figures        list, each figure  required"), std::string::npos) << docs;
  EXPECT_NE(docs.find("\n    canvas:\n      width: 640\n"), std::string::npos) << docs;
}

TEST(KindDocs, ListEveryComponent) {
  EXPECT_EQ(kind_docs(Registry<sample::Figure>::kind()),
            "figure: 5 to choose from\n"
            "\n"
            "  circle   All points at one distance.\n"
            "  dot      A point.\n"
            "  group    Several figures as one.\n"
            "  polygon  Straight lines that close.\n"
            "  scaled   A figure made larger or smaller.\n");
  EXPECT_EQ(kind_docs(ComponentKind("nothing")), "nothing: 0 to choose from\n\n");
}

}  // namespace
}  // namespace slipway
