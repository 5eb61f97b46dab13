#include "core/base/config_node.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "core/base/error.h"

namespace slipway {
namespace {

ConfigNode parsed(std::string_view yaml) { return ConfigNode::parse(yaml, "a.yaml"); }

std::string message_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const UserError& error) {
    return error.what();
  }
  return "(no UserError)";
}

std::string parse_message(const std::string& yaml) {
  return message_of([&] { parsed(yaml); });
}

TEST(ConfigNode, KeepsThePositionOfEveryKeyAndValue) {
  const ConfigNode root = parsed("train:\n  epochs: 3\n  layers:\n    - relu\n    - {linear: 10}\n");
  EXPECT_EQ(text(root.where()), "a.yaml:1:1");
  const ConfigNode& train = *root.find("train");
  EXPECT_EQ(text(train.entries()[0].where), "a.yaml:2:3");
  EXPECT_EQ(text(train.find("epochs")->where()), "a.yaml:2:11");
  const ConfigNode& layers = *train.find("layers");
  EXPECT_EQ(text(layers.where()), "a.yaml:4:5");
  EXPECT_EQ(text(layers.items()[0].where()), "a.yaml:4:7");
  EXPECT_EQ(text(layers.items()[1].where()), "a.yaml:5:7");
  EXPECT_EQ(text(layers.items()[1].find("linear")->where()), "a.yaml:5:16");
}

TEST(ConfigNode, TellsNullScalarAndQuotedApart) {
  const ConfigNode root = parsed("a:\nb: ~\nc: null\nd: \"null\"\ne: ''\nf: !!str 5\ng: 5\n\"null\": x\n");
  EXPECT_TRUE(root.find("a")->is_null());
  EXPECT_EQ(text(root.find("a")->where()), "a.yaml:1:1") << "a value left out is where its key is";
  EXPECT_TRUE(root.find("b")->is_null());
  EXPECT_TRUE(root.find("c")->is_null());
  EXPECT_TRUE(root.find("d")->is_quoted());
  EXPECT_EQ(root.find("d")->scalar(), "null");
  EXPECT_TRUE(root.find("e")->is_scalar());
  EXPECT_TRUE(root.find("f")->is_quoted());
  EXPECT_FALSE(root.find("g")->is_quoted());
  EXPECT_EQ(root.find("null")->scalar(), "x");
  EXPECT_EQ(root.find("h"), nullptr);
  EXPECT_TRUE(parsed("").is_null());
  EXPECT_TRUE(parsed("# only a comment\n").is_null());
}

TEST(ConfigNode, ResolvesAliasesAndMerges) {
  const ConfigNode root = parsed(
      "base: &base {rate: 1, decay: 2}\n"
      "more: &more {decay: 3, clip: 4}\n"
      "same: *base\n"
      "one: {<<: *base, rate: 9}\n"
      "two: {<<: [*base, *more]}\n"
      "text: {'<<': 1}\n");
  EXPECT_EQ(root.find("same")->find("decay")->scalar(), "2");
  EXPECT_EQ(root.find("one")->find("rate")->scalar(), "9");
  EXPECT_EQ(root.find("one")->find("decay")->scalar(), "2");
  EXPECT_EQ(root.find("two")->find("decay")->scalar(), "2");
  EXPECT_EQ(root.find("two")->find("clip")->scalar(), "4");
  EXPECT_EQ(root.find("text")->find("<<")->scalar(), "1");
  EXPECT_EQ(root.find("one")->entries().size(), 2u);
}

TEST(ConfigNode, RefusesWhatItCannotMean) {
  EXPECT_EQ(parse_message("a: 1\nb: 2\na: 3\n"), "a.yaml:3:1: key 'a' is given twice, first in line 1");
  EXPECT_EQ(parse_message("[1]: 2\n"), "a.yaml:1:1: a key must be a single name, not a list or a mapping");
  EXPECT_EQ(parse_message("~: 2\n"), "a.yaml:1:1: a key is null, expected a name (in quotes if it is one)");
  EXPECT_EQ(parse_message("a: &a [*a]\n"), "a.yaml:1:8: an alias inside of what it stands for");
  EXPECT_EQ(parse_message("a: {<<: 3}\n"),
            "a.yaml:1:5: '<<' merges mappings, expected an alias of a mapping or a list of them");
  EXPECT_EQ(parse_message("a: !foo 3\n"), "a.yaml:1:4: unknown tag '!foo', expected a plain value");
  EXPECT_EQ(parse_message("a: 1\n---\nb: 2\n"), "a.yaml:3:1: a second document begins, expected one");
  EXPECT_EQ(parse_message(std::string(201, 'k') + ": 1\n"), "a.yaml:1:1: a key of more than 200 bytes");
  EXPECT_EQ(parse_message("a: [1, 2\nb: 3\n").substr(0, 28), "a.yaml:2:2: malformed YAML: ");
  EXPECT_EQ(parse_message("a: *nobody\n").substr(0, 28), "a.yaml:1:4: malformed YAML: ");
  EXPECT_EQ(parse_message("a:\n\tb: 1\n").substr(0, 28), "a.yaml:2:3: malformed YAML: ");
}

TEST(ConfigNode, BoundsDepthSizeAndAliases) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_NO_THROW(parsed(nested(100)));
  EXPECT_EQ(parse_message(nested(101)), "a.yaml:1:101: nested more than 100 levels deep");
  EXPECT_NE(parse_message(std::string(1'000'000, '[')), "(no UserError)");

  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 30; ++i) {
    laughs += text("a", i, ": &a", i, " [");
    for (int j = 0; j < 10; ++j) laughs += text(j == 0 ? "" : ", ", "*a", i - 1);
    laughs += "]\n";
  }
  EXPECT_NE(parse_message(laughs).find("more than 200000 values, aliases included"), std::string::npos);

  std::string long_text = "a: &a " + std::string(100'000, 'x') + "\nb: [";
  for (int i = 0; i < 1000; ++i) long_text += "*a, ";
  EXPECT_NE(parse_message(long_text + "]").find("more than 200000 values"), std::string::npos);

  std::string deep = "a0: &a0 [x]\n";
  for (int i = 1; i < 120; ++i) deep += text("a", i, ": &a", i, " [*a", i - 1, "]\n");
  EXPECT_NE(parse_message(deep).find("nested more than 100 levels deep"), std::string::npos);

  EXPECT_EQ(parse_message(std::string((4u << 20) + 1, ' ')),
            "a.yaml: larger than 4 MiB, too large for a configuration");
}

TEST(ConfigNode, LoadsFiles) {
  const auto path = std::filesystem::temp_directory_path() / text("config_node_", getpid(), ".yaml");
  std::ofstream(path) << "epochs: 3\n";
  const ConfigNode root = ConfigNode::load(path.string());
  EXPECT_EQ(text(root.find("epochs")->where()), path.string() + ":1:9");
  std::filesystem::remove(path);
  EXPECT_EQ(message_of([&] { ConfigNode::load(path.string()); }), path.string() + ": cannot be opened");
  EXPECT_EQ(message_of([] { ConfigNode::load("/"); }), "/: cannot be read");
}

TEST(ConfigNode, WithReplacesAndAdds) {
  const ConfigNode root = parsed("train:\n  epochs: 3\ndata:\n  transforms: [a, b]\nempty:\n");
  EXPECT_EQ(root.with("train.epochs", "5").find("train")->find("epochs")->scalar(), "5");
  EXPECT_EQ(root.find("train")->find("epochs")->scalar(), "3") << "the original stays";
  EXPECT_EQ(root.with("train.clip", "{norm: 1}").find("train")->find("clip")->find("norm")->scalar(), "1");
  EXPECT_EQ(root.with("data.transforms.1", "[c]").find("data")->find("transforms")->items()[1].items().size(),
            1u);
  EXPECT_EQ(root.with("empty.x", "1").find("empty")->find("x")->scalar(), "1");
  EXPECT_EQ(root.with("train.a.b.c", "1").find("train")->find("a")->find("b")->find("c")->scalar(), "1");
  EXPECT_EQ(text(root.with("new.a.b", "1").find("new")->find("a")->where()), "--set new.a.b:1:1");
  const ConfigNode named = parsed("optimizer: adamw").with("optimizer.adamw.epsilon", "1e-6");
  EXPECT_EQ(named.find("optimizer")->find("adamw")->find("epsilon")->scalar(), "1e-6");
  EXPECT_EQ(parsed("").with("seed", "7").find("seed")->scalar(), "7");
  EXPECT_EQ(text(root.with("train.epochs", " 5").find("train")->find("epochs")->where()),
            "--set train.epochs:1:2");

  const auto with_message = [&](std::string_view path) { return message_of([&] { root.with(path, "1"); }); };
  EXPECT_EQ(
      with_message("train.epochs.x"),
      "cannot set 'train.epochs.x': 'train.epochs' is the value '3' (a.yaml:2:11), not a mapping or a list");
  EXPECT_EQ(with_message("data.transforms.2"),
            "cannot set 'data.transforms.2': 'data.transforms' is a list of 2 (a.yaml:4:15), '2' is no index "
            "of it");
  EXPECT_EQ(with_message("data.transforms.-1"),
            "cannot set 'data.transforms.-1': 'data.transforms' is a list of 2 (a.yaml:4:15), '-1' is no "
            "index of it");
  EXPECT_EQ(with_message("train..x"), "cannot set 'train..x': a key of the path is empty");
  EXPECT_EQ(with_message(""), "cannot set '': a key of the path is empty");
  EXPECT_EQ(message_of([&] { root.with("train.epochs", "[1"); }).substr(0, 20), "--set train.epochs:1");
}

TEST(ConfigNode, WritesYamlThatReadsBack) {
  const std::string yaml =
      "name: run\n"
      "quoted: \"5\"\n"
      "word: \"yes\"\n"
      "text: \"a: b # c\"\n"
      "lines: \"one\\ntwo\\t\\x01\\\"\\\\\"\n"
      "rate: 1.0e-04\n"
      "negative: -.inf\n"
      "count: 60_000\n"
      "nothing: null\n"
      "kernel: [3, 3]\n"
      "none: []\n"
      "empty: {}\n"
      "\"odd key:\": 1\n"
      "layers:\n"
      "  - relu\n"
      "  - linear:\n"
      "      features: 10\n"
      "    name: fc\n"
      "  -\n"
      "    - a: 1\n"
      "    - [b, ~]\n";
  const std::string written = parsed(yaml).to_yaml();
  EXPECT_EQ(parsed(written).to_yaml(), written);
  const std::string tail = "  -\n    - a: 1\n    - [b, null]\n";
  EXPECT_EQ(written, yaml.substr(0, yaml.find("  -\n    -")) + tail);
  EXPECT_EQ(parsed("").to_yaml(), "null\n");
  EXPECT_EQ(parsed("- a\n- {}\n- [[]]\n").to_yaml(), "- a\n- {}\n-\n  - []\n");
}

TEST(ConfigNode, WritesEveryStringSoThatItReadsBack) {
  for (const std::string value :
       {"",    " ",  "a ", " a",   "a  b", "-",    "--",   "---", "...",  ".", ".5",   "-a",   "- a", "?",
        "? a", ":",  "a:", "a: b", "#",    "a #b", "*a",   "&a",  "!a",   "|", ">",    "@",    "`",   "%a",
        "{",   "}",  "[",  "]",    ",",    "a,b",  "'",    "\"",  "\\",   "~", "null", "true", "No",  "1e5",
        "0x1", "<<", "ü",  "日本", "\n",   "\r",   "a\nb", "\t",  "\x7f", "=", "$a",   "-.inf"}) {
    const ConfigNode scalar = ConfigNode::make_string(value, {});
    const ConfigNode tree = ConfigNode::make_mapping(
        {{"a", {}, scalar}, {"b", {}, ConfigNode::make_sequence({scalar, scalar}, {})}, {value, {}, scalar}},
        {});
    const ConfigNode back = parsed(tree.to_yaml());
    ASSERT_EQ(back.entries().size(), 3u) << tree.to_yaml();
    EXPECT_EQ(back.find("a")->scalar(), value);
    EXPECT_TRUE(back.find("a")->is_scalar()) << value;
    EXPECT_EQ(back.find("b")->items()[1].scalar(), value);
    EXPECT_EQ(back.entries()[2].key, value);
    EXPECT_EQ(parsed(scalar.to_yaml()).scalar(), value);
  }
}

TEST(ConfigErrors, AreSortedUniqueAndThrownTogether) {
  ConfigErrors errors;
  EXPECT_TRUE(errors.empty());
  EXPECT_NO_THROW(errors.throw_if_any());
  const auto file = std::make_shared<const std::string>("a.yaml");
  errors.add({file, 10, 1}, "late");
  errors.add({file, 2, 9}, "right");
  errors.add({file, 2, 1}, "left");
  errors.add({file, 2, 1}, "left again");
  errors.add({file, 2, 1}, "left");
  errors.add({}, "nowhere");
  EXPECT_EQ(message_of([&] { errors.throw_if_any(); }),
            "nowhere\na.yaml:2:1: left\na.yaml:2:1: left again\na.yaml:2:9: right\na.yaml:10:1: late");
  for (int line = 100; line < 200; ++line) errors.add({file, line, 1}, "more");
  EXPECT_NE(message_of([&] { errors.throw_if_any(); }).find("\n... and 55 more"), std::string::npos);
}

}  // namespace
}  // namespace slipway
