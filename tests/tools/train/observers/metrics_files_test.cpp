#include "tools/train/observers/metrics_files.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <sstream>

#include "core/base/error.h"
#include "tests/support/python.h"
#include "tests/support/temporary_directory.h"
#include "tests/tools/train/observers/sample_run.h"
#include "tools/train/observers/history.h"

namespace slipway {
namespace {

using namespace test;

std::string contents_of(const std::string& path) {
  std::ostringstream contents;
  contents << std::ifstream(path).rdbuf();
  return contents.str();
}

struct Files {
  TemporaryDirectory directory;
  std::string csv = directory / "metrics.csv", jsonl = directory / "metrics.jsonl";

  /// Plays steps from+1 to `to` in a process of its own, so to speak.
  void run(std::int64_t from, std::int64_t to) const {
    MetricsFilesObserver observer(csv, jsonl);
    RunInfo info = sample_run(directory.path(), 3);
    info.start_step = from;
    info.start_epoch = from / 10;
    observer.on_run_start(info);
    play(observer, from, to);
    observer.on_run_end({});
  }
};

TEST(MetricsFiles, AreReadByOrdinaryReaders) {
  const Files files;
  files.run(0, 30);
  run_python(R"(
import csv, json, sys
rows = list(csv.DictReader(open(sys.argv[1])))
assert [row['epoch'] for row in rows] == ['1', '2', '3']
assert [row['step'] for row in rows] == ['10', '20', '30']
assert float(rows[2]['train_loss']) == 1 / 3 and float(rows[1]['validation_accuracy']) == 0.91
assert [row['best'] for row in rows] == ['1', '0', '0']
records = [json.loads(line) for line in open(sys.argv[2])]
steps = [record for record in records if record['kind'] == 'step']
epochs = [record for record in records if record['kind'] == 'epoch']
assert [record['step'] for record in steps] == list(range(1, 31))
assert [record['epoch'] for record in steps] == [1] * 10 + [2] * 10 + [3] * 10
assert steps[0]['gradient_norm'] == 1 / 3 and steps[1]['learning_rate'] == 0.05
assert epochs[1]['validation'] == {'accuracy': 0.91, 'loss': 0.25} and epochs[0]['best'] is True
assert records.index(epochs[0]) == 10
)",
             {files.csv, files.jsonl});
}

TEST(MetricsFiles, AreTheSameWhenARunWasResumed) {
  Files straight;
  straight.run(0, 30);
  for (const std::int64_t killed : {3, 10, 17, 25}) {
    for (const std::int64_t checkpoint : {0, 3, 10, 15, 20}) {
      if (checkpoint > killed) continue;
      Files resumed;
      resumed.run(0, killed);
      std::ofstream(resumed.jsonl, std::ios::app) << R"({"kind":"step","st)";  // what a killed process leaves
      resumed.run(checkpoint, 30);
      EXPECT_EQ(contents_of(resumed.csv), contents_of(straight.csv)) << killed << " " << checkpoint;
      EXPECT_EQ(contents_of(resumed.jsonl), contents_of(straight.jsonl)) << killed << " " << checkpoint;
    }
  }
}

TEST(MetricsFiles, HoldWhatIsNotFiniteAndAppearsLate) {
  Files files;
  RunInfo info = sample_run(files.directory.path(), 3);
  {
    MetricsFilesObserver observer(files.csv, files.jsonl);
    observer.on_run_start(info);
    StepRecord step = sample_step(10);
    step.loss = std::numeric_limits<double>::infinity();
    observer.on_step(step);
    EpochRecord record = sample_epoch(0);
    record.metrics.clear();
    record.validated = false;
    observer.on_epoch_end(record);
    record = sample_epoch(1);
    record.metrics = {{"a,\"b\"", NAN}};
    observer.on_epoch_end(record);
    observer.on_run_end({});
  }
  EXPECT_EQ(contents_of(files.csv),
            "epoch,step,seconds,samples_per_second,learning_rate,train_loss,best,\"validation_a,\"\"b\"\"\"\n"
            "1,10,75.4,1234.5,0.05,1,1,\n"
            "2,20,75.4,1234.5,0.05,0.5,0,nan\n");
  info.start_step = 20;
  info.start_epoch = 2;
  const RunHistory history = read_history(files.jsonl, info);
  ASSERT_EQ(history.steps.size(), 1u);
  EXPECT_TRUE(std::isnan(history.steps[0].loss));
  EXPECT_EQ(history.steps[0].samples, 80);
  ASSERT_EQ(history.epochs.size(), 2u);
  EXPECT_FALSE(history.epochs[0].validated);
  EXPECT_TRUE(history.epochs[0].best);
  EXPECT_TRUE(std::isnan(history.epochs[1].metrics.at("a,\"b\"")));
}

TEST(MetricsFiles, AreWrittenOnceASecondAtMost) {
  const Files files;
  std::chrono::steady_clock::time_point now{std::chrono::hours(1)};
  MetricsFilesObserver observer(files.csv, files.jsonl, [&] { return now; });
  observer.on_run_start(sample_run(files.directory.path(), 3));
  const auto rows = [&] {
    const std::string csv = contents_of(files.csv);
    return std::count(csv.begin(), csv.end(), '\n');
  };
  observer.on_epoch_end(sample_epoch(0));
  EXPECT_EQ(rows(), 1 + 1);
  now += std::chrono::milliseconds(999);
  observer.on_epoch_end(sample_epoch(1));
  EXPECT_EQ(rows(), 1 + 1);
  now += std::chrono::milliseconds(1);
  observer.on_epoch_end(sample_epoch(2));
  EXPECT_EQ(rows(), 1 + 3);
  observer.on_epoch_end(sample_epoch(3));
  EXPECT_EQ(rows(), 1 + 3);
  observer.on_run_end({});
  EXPECT_EQ(rows(), 1 + 4);
}

TEST(MetricsFiles, PassOverStrangeLines) {
  TemporaryDirectory directory;
  const std::string path = directory.write(
      "metrics.jsonl",
      "\n[]\n{}\n{\"kind\":7}\n{\"kind\":\"step\"}\n{\"kind\":\"step\",\"step\":\"x\",\"epoch\":1}\n" +
          to_json(sample_step(2)) +
          "\n{\"kind\":\"epoch\",\"epoch\":1,\"step\":1,\"validation\":3}\n\x80\xff{");
  RunInfo info = sample_run(directory.path(), 3);
  info.start_step = 10;
  info.start_epoch = 1;
  const RunHistory history = read_history(path, info);
  ASSERT_EQ(history.steps.size(), 1u);
  EXPECT_EQ(history.steps[0].step, 2);
  ASSERT_EQ(history.epochs.size(), 1u);
  EXPECT_FALSE(history.epochs[0].validated);
  EXPECT_TRUE(read_history(directory / "none.jsonl", info).steps.empty());
}

TEST(MetricsFiles, StaySmallInALongRun) {
  const Files files;
  MetricsFilesObserver observer(files.csv, files.jsonl);
  RunInfo info = sample_run(files.directory.path(), 3);
  info.total_steps = 25000;
  observer.on_run_start(info);
  for (std::int64_t step = 1; step <= 11; ++step) observer.on_step(sample_step(step));
  info.start_step = 100;
  const RunHistory history = read_history(files.jsonl, info);
  ASSERT_EQ(history.steps.size(), 5u);
  EXPECT_EQ(history.steps[4].step, 10);
}

TEST(MetricsFiles, NameTheFileThatCannotBeWritten) {
  TemporaryDirectory directory;
  MetricsFilesObserver observer(directory / "no/metrics.csv", directory / "no/metrics.jsonl");
  try {
    observer.on_run_start(sample_run(directory.path(), 3));
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("no/metrics.jsonl"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace slipway
