#include "optim/groups.h"

#include <gtest/gtest.h>

#include "core/base/glob.h"

namespace slipway {
namespace {

TEST(Glob, MatchesWholeNames) {
  EXPECT_TRUE(matches_glob("*.bias", "stage1.conv.bias"));
  EXPECT_FALSE(matches_glob("*.bias", "stage1.bias.weight"));
  EXPECT_TRUE(matches_glob("stage?.*", "stage1.conv.bias"));
  EXPECT_FALSE(matches_glob("stage?.*", "stage.conv"));
  EXPECT_TRUE(matches_glob("a*b*c", "a.b.b.c"));
  EXPECT_FALSE(matches_glob("a*b*c", "a.b.b"));
  EXPECT_TRUE(matches_glob("*", ""));
  EXPECT_FALSE(matches_glob("", "x"));
}

class Groups : public testing::Test {
 protected:
  Groups() {
    std::vector<Value> variables;
    for (const auto& [name, decay] : {std::pair{"a.weight", true}, {"b.weight", true}, {"b.bias", false}}) {
      variables.push_back(graph.variable(
          {.name = name, .shape = {20}, .initialize = nullptr, .trainable = true, .decay = decay}));
    }
    arena = VariableArena::plan(graph, "parameters", variables);
  }
  std::vector<Segment> segments(const std::string& yaml) {
    ConfigErrors errors;
    const auto groups = read_groups(ConfigNode::parse(yaml, "test.yaml"), errors);
    errors.throw_if_any();
    return parameter_segments(arena, graph, 0.1, groups);
  }
  Graph graph;
  VariableArena arena;
};

TEST_F(Groups, DefaultSparesWhatDoesNotDecay) {
  const auto parts = segments("[]");
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].begin, 0);
  EXPECT_EQ(parts[0].end, 52);  // two of 20 elements, the second at 32
  EXPECT_EQ(parts[0].weight_decay, 0.1);
  EXPECT_EQ(parts[1].begin, 64);
  EXPECT_EQ(parts[1].end, 84);
  EXPECT_EQ(parts[1].weight_decay, 0);
}

TEST_F(Groups, LaterGroupsWin) {
  const auto parts = segments(
      "[{pattern: 'b.*', weight_decay: 0.5, learning_rate_scale: 2}, {pattern: '*.bias', weight_decay: 0}]");
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[0].learning_rate_scale, 1);
  EXPECT_EQ(parts[1].weight_decay, 0.5);
  EXPECT_EQ(parts[2].weight_decay, 0);
  EXPECT_EQ(parts[2].learning_rate_scale, 2);
}

TEST_F(Groups, PatternThatMatchesNothingIsAMistake) {
  try {
    segments("- pattern: c.*");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_STREQ(
        error.what(),
        "test.yaml:1:3: groups: no parameter matches 'c.*'; the parameters are a.weight, b.weight, b.bias");
  }
  EXPECT_THROW(segments("- {patern: x}"), UserError);
  EXPECT_THROW(segments("x"), UserError);
}

}  // namespace
}  // namespace slipway
