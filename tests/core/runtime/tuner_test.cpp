#include "core/runtime/tuner.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/base/error.h"
#include "tests/support/temporary_directory.h"

namespace slipway::test {
namespace {

/// A candidate that counts how often it was run.
Tuner::Candidate counted(const std::string& name, int& runs) {
  return {name, [&runs] { ++runs; }};
}

TEST(Tuner, MeasuresOnceAndRemembers) {
  Tuner tuner;
  int a = 0, b = 0;
  const std::string first = tuner.choose("key", {counted("a", a), counted("b", b)});
  EXPECT_GT(a, 0);
  EXPECT_GT(b, 0);
  EXPECT_TRUE(tuner.changed());
  const int before = a + b;
  EXPECT_EQ(tuner.choose("key", {counted("a", a), counted("b", b)}), first);
  EXPECT_EQ(a + b, before);
}

TEST(Tuner, MeasuresWithTheTimerItIsGiven) {
  Tuner tuner;
  int a = 0, b = 0;
  const Tuner::Timer timer = [&](const std::function<void()>& run) {
    const int before = a;
    run();
    return a > before ? 2.0 : 1.0;
  };
  EXPECT_EQ(tuner.choose("key", {counted("a", a), counted("b", b)}, timer), "b");
}

TEST(Tuner, APreferredCandidateIsChosenUnmeasured) {
  Tuner tuner;
  tuner.remember("key", "a");
  tuner.prefer({"elsewhere", "b"});
  int a = 0, b = 0;
  EXPECT_EQ(tuner.choose("key", {counted("a", a), counted("b", b)}), "b");
  EXPECT_EQ(a + b, 0);
  EXPECT_EQ(tuner.choices(), (std::map<std::string, std::string>{{"key", "b"}}));
  // Where it is not offered, the others are measured as ever.
  int c = 0;
  tuner.choose("other", {counted("a", a), counted("c", c)});
  EXPECT_GT(a, 0);
  EXPECT_GT(c, 0);
}

TEST(Tuner, OneCandidateIsNotMeasured) {
  Tuner tuner;
  int runs = 0;
  EXPECT_EQ(tuner.choose("key", {counted("only", runs)}), "only");
  EXPECT_EQ(runs, 0);
}

TEST(Tuner, KeepsItsChoicesInAFile) {
  const TemporaryDirectory directory;
  const std::string path = directory / "choices";
  Tuner written;
  written.remember("a key [1, 2]", "winograd");
  written.save(path);
  Tuner read;
  read.load(path);
  EXPECT_EQ(read.find("a key [1, 2]"), "winograd");
  int direct = 0, winograd = 0;
  EXPECT_EQ(read.choose("a key [1, 2]", {counted("direct", direct), counted("winograd", winograd)}),
            "winograd");
  EXPECT_EQ(direct + winograd, 0);
  // A choice that is no longer offered is measured again.
  int other = 0;
  const std::string again = read.choose("a key [1, 2]", {counted("direct", direct), counted("other", other)});
  EXPECT_GT(direct, 0);
  EXPECT_EQ(read.find("a key [1, 2]"), again);
}

TEST(Tuner, AMissingFileIsEmptyAndABrokenOneNamesItsLine) {
  const TemporaryDirectory directory;
  const std::string path = directory / "choices";
  Tuner tuner;
  tuner.load(path);
  EXPECT_FALSE(tuner.find("key"));
  std::ofstream(path) << "# comment\nkey without a choice\n";
  try {
    tuner.load(path);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("choices:2"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace slipway::test
