#include "tools/train/observers/console.h"

#include <gtest/gtest.h>

#include <sstream>

#include "tests/tools/train/observers/sample_run.h"

namespace slipway {
namespace {

using namespace test;

TEST(Console, WritesALineAnEpochWhenPiped) {
  std::ostringstream out;
  ConsoleObserver console(out, {});
  RunInfo info = sample_run("runs/digits", 10);
  console.on_run_start(info);
  play(console, 0, 10);
  console.on_validation_progress(5, 20);
  EpochRecord unvalidated = sample_epoch(9);
  unvalidated.validated = false;
  unvalidated.metrics.clear();
  console.on_epoch_end(unvalidated);
  console.on_run_end({.reason = RunEnd::Reason::finished, .step = 1000, .seconds = 3675, .message = ""});
  console.on_run_end(
      {.reason = RunEnd::Reason::interrupted, .step = 7, .seconds = 1, .message = "stopped by SIGINT"});
  info.start_step = 15;
  info.start_epoch = 1;
  console.on_run_start(info);
  const std::string head =
      "digits: 1,063 parameters, 80 training and 20 validation samples, cpu, 2 threads\n";
  EXPECT_EQ(out.str(), head +
                           "epoch  1/10  1:15  training loss 1.0000  validation loss 0.5000  accuracy 0.9000 "
                           " 1,235 samples/s  best so far\n"
                           "epoch 10/10  1:15  training loss 0.1000  1,235 samples/s\n"
                           "finished 1,000 steps in 1:01:15\n"
                           "see runs/digits/report.html\n"
                           "stopped by SIGINT\n" +
                           head + "resumed after step 15 in epoch 2 of 10\n");
}

class Terminal {
 public:
  ConsoleObserver::Options options(bool unicode, int columns) {
    return {.terminal = true,
            .unicode = unicode,
            .columns = [columns] { return columns; },
            .now = [this] { return now; }};
  }
  std::chrono::steady_clock::time_point now{};
};

TEST(Console, RedrawsABarTenTimesASecondAtMost) {
  Terminal terminal;
  std::ostringstream out;
  ConsoleObserver console(out, terminal.options(false, 120));
  console.on_run_start(sample_run("runs/digits", 2));
  out.str("");
  console.on_step(sample_step(1));
  EXPECT_EQ(out.str(),
            "\repoch 1/2  ##......................  10%  0:00 left  loss 1.9025  1,000 samples/s  learning "
            "rate 0.1000\x1b[K");
  out.str("");
  terminal.now += std::chrono::milliseconds(99);
  console.on_step(sample_step(2));
  EXPECT_EQ(out.str(), "");
  terminal.now += std::chrono::milliseconds(1);
  StepRecord slow = sample_step(5);
  slow.samples_per_second = 2;
  console.on_step(slow);
  EXPECT_NE(out.str().find("epoch 1/2  ############............  50%  1:00 left"), std::string::npos)
      << out.str();
  out.str("");
  terminal.now += std::chrono::seconds(1);
  console.on_validation_progress(10, 20);
  EXPECT_EQ(out.str(), "\repoch 1/2  ############............  50%  validating\x1b[K");
  terminal.now += std::chrono::seconds(1);
  StepRecord early = sample_step(5);
  early.samples_per_second = 0;  // not known yet
  out.str("");
  console.on_step(early);
  EXPECT_NE(out.str().find("50%  loss"), std::string::npos) << out.str();
  EXPECT_EQ(out.str().find("samples/s"), std::string::npos) << out.str();
  out.str("");
  console.on_epoch_end(sample_epoch(0));
  EXPECT_EQ(out.str().find("\r\x1b[Kepoch 1/2  1:15  training loss"), 0u) << out.str();
}

TEST(Console, NeverWrapsALine) {
  for (int columns = 1; columns < 130; ++columns) {
    Terminal terminal;
    std::ostringstream out;
    ConsoleObserver console(out, terminal.options(true, columns));
    console.on_run_start(sample_run("runs/digits", 2));
    out.str("");
    console.on_step(sample_step(5));
    int shown = 0;
    for (const char byte : out.str().substr(0, out.str().find('\x1b')))
      shown += (byte & 0xc0) != 0x80 && byte != '\r';
    EXPECT_LT(shown, std::max(columns, 1)) << out.str();
    EXPECT_EQ(out.str().find("━") != std::string::npos, columns > 18) << columns;
  }
}

TEST(Console, WritesFiguresForReaders) {
  EXPECT_EQ(duration_text(0.4), "0:00");
  EXPECT_EQ(duration_text(59.6), "1:00");
  EXPECT_EQ(duration_text(3599.4), "59:59");
  EXPECT_EQ(duration_text(86400), "24:00:00");
  EXPECT_EQ(duration_text(NAN), "?");
  EXPECT_EQ(figure_text(0.98434), "0.9843");
  EXPECT_EQ(figure_text(-1.5), "-1.5000");
  EXPECT_EQ(figure_text(1234.56), "1235");
  EXPECT_EQ(figure_text(1.25e-5), "1.25e-05");
  EXPECT_EQ(figure_text(0), "0");
  EXPECT_EQ(figure_text(NAN), "nan");
}

}  // namespace
}  // namespace slipway
