#include "tools/train/tuned_choices.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/support/temporary_directory.h"

namespace slipway {
namespace {

using test::TemporaryDirectory;

TEST(TunedChoices, AreFoundAgain) {
  const TemporaryDirectory directory;
  const std::string cache = directory.path() + "/sub/tuner.tsv";
  TunedChoices first(cache);
  EXPECT_EQ(first.tuner()->find("conv a"), std::nullopt);
  first.tuner()->remember("conv a", "winograd");
  first.save();
  TunedChoices second(cache);
  EXPECT_EQ(second.tuner()->find("conv a"), "winograd");
}

TEST(TunedChoices, OfARunComeFirst) {
  const TemporaryDirectory directory;
  const std::string cache = directory.path() + "/cache.tsv", run = directory.path() + "/run.tsv";
  Tuner of_run;
  of_run.remember("conv a", "direct");
  of_run.save(run);
  TunedChoices choices(cache);
  choices.tuner()->remember("conv a", "winograd");
  choices.load(run);
  EXPECT_EQ(choices.tuner()->find("conv a"), "direct");
  choices.load(directory.path() + "/missing.tsv");
  EXPECT_EQ(choices.tuner()->find("conv a"), "direct");
}

TEST(TunedChoices, KeepWhatOthersWroteMeanwhile) {
  const TemporaryDirectory directory;
  const std::string cache = directory.path() + "/cache.tsv";
  TunedChoices one(cache), other(cache);
  one.tuner()->remember("conv a", "winograd");
  other.tuner()->remember("conv b", "direct");
  one.save();
  other.save();
  TunedChoices both(cache);
  EXPECT_EQ(both.tuner()->find("conv a"), "winograd");
  EXPECT_EQ(both.tuner()->find("conv b"), "direct");
}

TEST(TunedChoices, NeedNoCache) {
  TunedChoices nowhere(std::string{});
  nowhere.tuner()->remember("conv a", "winograd");
  EXPECT_NO_THROW(nowhere.save());
  TunedChoices impossible("/proc/no/such/place.tsv");
  impossible.tuner()->remember("conv a", "winograd");
  EXPECT_NO_THROW(impossible.save());
}

TEST(TunedChoices, ABrokenFileIsNamedWithItsLine) {
  const TemporaryDirectory directory;
  const std::string cache = directory.path() + "/cache.tsv";
  directory.write("cache.tsv", "# comment\nno tab here\n");
  try {
    TunedChoices choices(cache);
    FAIL() << "read a broken file";
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("cache.tsv:2"), std::string::npos) << error.what();
  }
}

TEST(TunedChoices, TheSlowestCandidateIsNotChosen) {
  Tuner tuner;
  int fast_runs = 0;
  const auto spin = [](double seconds) {
    volatile double sum = 0;
    for (int i = 0; i < static_cast<int>(seconds * 1e8); ++i) sum = sum + 1;
  };
  const std::vector<Tuner::Candidate> candidates = {{"slow", [&] { spin(0.01); }},
                                                    {"fast", [&] { ++fast_runs; }}};
  EXPECT_EQ(tuner.choose("key", candidates), "fast");
  const int runs = fast_runs;
  EXPECT_EQ(tuner.choose("key", candidates), "fast");
  EXPECT_EQ(fast_runs, runs) << "a remembered choice was measured again";
  EXPECT_TRUE(tuner.changed());
}

}  // namespace
}  // namespace slipway
