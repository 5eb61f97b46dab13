#include "core/io/checkpoint.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/io/checkpoint_directory.h"
#include "core/io/hdf5.h"
#include "tests/support/python.h"
#include "tests/support/temporary_directory.h"

namespace slipway {
namespace {

using test::TemporaryDirectory;
namespace fs = std::filesystem;

Checkpoint sample(std::int64_t step, std::int64_t best_step = 0) {
  Checkpoint checkpoint;
  checkpoint.parameters["conv2d_1.weight"] = Tensor::full(DType::float32, {4, 3, 3, 3}, double(step));
  checkpoint.parameters["linear_1.bias"] = Tensor::of<double>({2}, {0.1, -1e300});
  checkpoint.state["batch_norm_1.mean"] = Tensor::of<float16>({2}, {float16(1.5f), float16(-2)});
  checkpoint.optimizer["conv2d_1.weight.momentum"] = Tensor::full(DType::bfloat16, {4, 3, 3, 3}, 0.5);
  checkpoint.optimizer["step_state.step"] = Tensor::scalar<std::int64_t>(step);
  checkpoint.progress.step = step;
  checkpoint.progress.epoch = 3;
  checkpoint.progress.next_sample = 640;
  checkpoint.progress.seed = 0xfedcba9876543210u;
  checkpoint.progress.best_metric = 0.1;
  checkpoint.progress.best_step = best_step;
  checkpoint.progress.counters["epochs_without_improvement"] = -4;
  checkpoint.progress.numbers["loss_sum"] = 1.0 / 3;
  checkpoint.config =
      "seed: 7\nname: 'häfen'\n" + std::string(100000, '#');  // longer than an attribute can be
  checkpoint.texts["classes"] = "[]";
  return checkpoint;
}

std::string bytes_of(const std::string& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

void expect_equal(const Checkpoint::Tensors& a, const Checkpoint::Tensors& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) {
    ASSERT_TRUE(b.contains(name)) << name;
    ASSERT_EQ(tensor.type(), b.at(name).type()) << name;
    EXPECT_EQ(std::memcmp(tensor.view().data, b.at(name).view().data, tensor.type().bytes()), 0) << name;
  }
}

void expect_equal(const Checkpoint& a, const Checkpoint& b) {
  expect_equal(a.parameters, b.parameters);
  expect_equal(a.state, b.state);
  expect_equal(a.optimizer, b.optimizer);
  EXPECT_EQ(a.progress.step, b.progress.step);
  EXPECT_EQ(a.progress.epoch, b.progress.epoch);
  EXPECT_EQ(a.progress.next_sample, b.progress.next_sample);
  EXPECT_EQ(a.progress.seed, b.progress.seed);
  EXPECT_EQ(a.progress.best_metric, b.progress.best_metric);
  EXPECT_EQ(a.progress.best_step, b.progress.best_step);
  EXPECT_EQ(a.progress.counters, b.progress.counters);
  EXPECT_EQ(a.progress.numbers, b.progress.numbers);
  EXPECT_EQ(a.config, b.config);
  EXPECT_EQ(a.texts, b.texts);
}

std::string failure_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "no UserError";
}

void no_warning(const std::string& message) { ADD_FAILURE() << message; }

TEST(Checkpoint, GivesBackEverything) {
  TemporaryDirectory directory;
  const std::string path = directory / "a.h5";
  write_checkpoint(path, sample(12));
  expect_equal(read_checkpoint(path), sample(12));
  const std::string bytes = bytes_of(path);
  expect_equal(read_checkpoint(std::as_bytes(std::span(bytes)), "copy"), sample(12));
  write_checkpoint(directory / "b.h5", sample(12));
  EXPECT_EQ(bytes, bytes_of(directory / "b.h5"));

  Checkpoint least;
  write_checkpoint(path, least);
  expect_equal(read_checkpoint(path), least);
  EXPECT_EQ(read_checkpoint(path).progress.best_metric, std::nullopt);
}

TEST(Checkpoint, IsReadableWithH5py) {
  TemporaryDirectory directory;
  write_checkpoint(directory / "a.h5", sample(12));
  test::run_python(R"(
import h5py, sys, zlib
path = sys.argv[1] + '/a.h5'
file = h5py.File(path, 'r')
weight = file['/parameters/conv2d_1.weight']
assert weight.shape == (4, 3, 3, 3) and weight.dtype == 'float32' and (weight[()] == 12).all()
assert list(file['parameters/linear_1.bias'][()]) == [0.1, -1e300]
assert file['state/batch_norm_1.mean'].dtype == 'float16' and list(file['state/batch_norm_1.mean'][()]) == [1.5, -2]
assert file['optimizer/step_state.step'][()] == 12
assert file['progress'].attrs['step'] == 12 and file['progress'].attrs['best_metric'] == 0.1
assert file['progress/counters'].attrs['epochs_without_improvement'] == -4
assert file['texts/config'].asstr()[()].startswith("seed: 7\nname: 'häfen'\n#")
data = open(path, 'rb').read()
assert ('CRC-32 %08x' % zlib.crc32(data[512:])).encode() in data[:512], data[:512]
)",
                   {directory.path()});
}

TEST(Checkpoint, RefusesWhatIsDamagedOrStrange) {
  TemporaryDirectory directory;
  const std::string path = directory / "a.h5";
  write_checkpoint(path, sample(12));
  const std::string good = bytes_of(path);
  const auto read = [&](std::string bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
    const std::string from_file = failure_of([&] { read_checkpoint(path); });
    EXPECT_EQ(failure_of([&] { read_checkpoint(std::as_bytes(std::span(bytes)), path); }), from_file);
    EXPECT_EQ(from_file.find(path), 0u) << from_file;
    return from_file.substr(path.size());
  };
  const std::string damaged =
      ": the checkpoint is damaged, or was changed after it was written: its checksum differs";
  RandomSequence random(Philox{.key = 5});
  for (int i = 0; i < 40; ++i) {
    std::string bad = good;
    bad[512 + random.below(good.size() - 512)] ^= char(1 << random.below(8));
    EXPECT_EQ(read(bad), damaged);
  }
  EXPECT_EQ(read(good.substr(0, good.size() - 1)),
            text(": the checkpoint is incomplete: ", good.size() - 1, " bytes, expected ", good.size()));
  EXPECT_EQ(read(good + "x"),
            text(": the checkpoint is incomplete: ", good.size() + 1, " bytes, expected ", good.size()));
  EXPECT_EQ(read(""), ": is no Slipway checkpoint");
  EXPECT_EQ(read("Slipway check"), ": is no Slipway checkpoint");
  EXPECT_EQ(read(good.substr(0, 511)), ": the checkpoint's header is damaged");
  EXPECT_EQ(read(good.substr(512)), ": is no Slipway checkpoint");
  std::string other = good;
  other[27] = '2';
  EXPECT_EQ(read(other), ": is a checkpoint of format 2, this program reads format 1");
  other = good;
  other[100] = 'x';
  EXPECT_EQ(read(other), ": the checkpoint's header is damaged");
  EXPECT_NE(failure_of([&] { read_checkpoint(directory / "none.h5"); }).find("No such file"),
            std::string::npos);
}

/// A file with a right checksum and contents that no write_checkpoint made.
std::string sealed(const std::function<void(hdf5::File&)>& fill) {
  hdf5::File file = hdf5::File::create({.name = "strange", .user_block = 512});
  fill(file);
  const auto contents = file.image().subspan(512);
  return checkpoint_header(contents) +
         std::string(reinterpret_cast<const char*>(contents.data()), contents.size());
}

TEST(Checkpoint, ChecksWhatTheChecksumCannot) {
  const auto read = [](const std::function<void(hdf5::File&)>& change) {
    const std::string bytes = sealed([&](hdf5::File& file) {
      for (const char* group : {"parameters", "state", "optimizer", "progress/counters", "progress/numbers"})
        file.create_group(group);
      for (const char* name : {"step", "epoch", "next_sample", "best_step", "seed"})
        file.group("progress").set_attribute(name, std::int64_t{1});
      file.write_string("texts/config", "a: 1");
      change(file);
    });
    return failure_of([&] { read_checkpoint(std::as_bytes(std::span(bytes)), "x"); });
  };
  EXPECT_EQ(read([](hdf5::File&) {}), "no UserError");
  EXPECT_EQ(read([](hdf5::File& file) { file.create_group("parameters/a"); }),
            "x:/parameters/a is not a readable dataset");
  EXPECT_NE(read([](hdf5::File& file) {
              file.write_string("state/a", "b");
            }).find("x:/state/a: holds elements of a type"),
            std::string::npos);
  EXPECT_NE(
      read([](hdf5::File& file) { file.write("texts/a", Tensor::scalar(1.0)); }).find("holds no strings"),
      std::string::npos);
  EXPECT_NE(
      read([](hdf5::File& file) { file.group("progress").set_attribute("step", "x"); }).find("is no integer"),
      std::string::npos);
  EXPECT_NE(read([](hdf5::File& file) {
              file.group("progress").set_attribute("epoch", std::int64_t{-1});
            }).find("none may be negative"),
            std::string::npos);
  const std::string empty = sealed([](hdf5::File&) {});
  EXPECT_NE(failure_of([&] {
              read_checkpoint(std::as_bytes(std::span(empty)), "x");
            }).find("unknown group 'parameters'"),
            std::string::npos);
}

TEST(Checkpoint, RefusesNamesThatHdf5WouldSplit) {
  TemporaryDirectory directory;
  for (const char* name : {"a/b", "/", ".", ""}) {
    Checkpoint checkpoint;
    checkpoint.parameters[name] = Tensor::scalar(1.0);
    EXPECT_THROW(write_checkpoint(directory / "a.h5", checkpoint), Error) << name;
  }
  Checkpoint checkpoint;
  checkpoint.parameters["a"] = Tensor();
  EXPECT_THROW(write_checkpoint(directory / "a.h5", checkpoint), Error);
  EXPECT_TRUE(fs::is_empty(directory.path()));
}

TEST(CheckpointDirectory, KeepsTheLastTheBestAndEveryNth) {
  TemporaryDirectory directory;
  CheckpointDirectory checkpoints(directory / "made/deep", {.last = 2, .every = 40});
  EXPECT_FALSE(checkpoints.newest(no_warning).has_value());
  std::vector<std::string> names;
  for (std::int64_t step = 10; step <= 100; step += 10) {
    const std::string path = checkpoints.save(sample(step, step < 30 ? 0 : 30));
    EXPECT_EQ(checkpoints.newest(no_warning)->path, path);
    EXPECT_EQ(read_checkpoint(checkpoints.last()).progress.step, step);
  }
  for (const auto& entry : fs::directory_iterator(directory / "made/deep"))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"best.h5", "last.h5", "step_000000030.h5", "step_000000040.h5",
                                             "step_000000080.h5", "step_000000090.h5", "step_000000100.h5"}));
  EXPECT_EQ(read_checkpoint(checkpoints.best()).progress.step, 30);
  // The links survive moving the run.
  fs::rename(directory / "made", directory / "moved");
  EXPECT_EQ(read_checkpoint(directory / "moved/deep/best.h5").progress.step, 30);
}

TEST(CheckpointDirectory, PassesOverDamagedFiles) {
  TemporaryDirectory directory;
  CheckpointDirectory checkpoints(directory.path(), {.last = 3});
  for (const std::int64_t step : {1, 2, 3}) checkpoints.save(sample(step, step));
  fs::resize_file(checkpoints.files()[2], 700);
  directory.write("step_9x.h5", "no checkpoint by its name");
  directory.write("step_000000007.h5.123.tmp", "left by a killed process");
  std::vector<std::string> warnings;
  const auto found = checkpoints.newest([&](const std::string& message) { warnings.push_back(message); });
  ASSERT_TRUE(found.has_value());
  expect_equal(found->checkpoint, sample(2, 2));
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("step_000000003.h5: the checkpoint is incomplete"), std::string::npos)
      << warnings[0];

  // Going on from there overtakes the damaged one, though its step is higher.
  checkpoints.save(sample(2));
  EXPECT_EQ(checkpoints.newest(no_warning)->checkpoint.progress.step, 2);
  EXPECT_FALSE(fs::exists(directory / "step_000000007.h5.123.tmp"));
  EXPECT_FALSE(fs::is_symlink(checkpoints.best()));

  for (const std::string& file : checkpoints.files()) fs::resize_file(file, 0);
  EXPECT_NE(failure_of([&] {
              checkpoints.newest([](const std::string&) {});
            }).find("none of its 2 checkpoints can be read"),
            std::string::npos);
}

/// Saves checkpoint after checkpoint, telling of each by a byte, until killed.
[[noreturn]] void save_forever(const std::string& directory, int told, std::int64_t step) {
  CheckpointDirectory checkpoints(directory, {.last = 2});
  for (;;) {
    ++step;
    checkpoints.save(sample(step, step / 3 * 3));
    if (write(told, "", 1) != 1) _exit(1);
  }
}

TEST(CheckpointDirectory, HasAWholeCheckpointWheneverTheProcessIsKilled) {
  TemporaryDirectory directory;
  const CheckpointDirectory checkpoints(directory.path());
  RandomSequence random(Philox{.key = 11});
  std::int64_t step = 0;
  for (int round = 0; round < 20; ++round) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) save_forever(directory.path(), ends[1], step);
    close(ends[1]);
    // After the first save, at any moment of the next few.
    char told = 0;
    ASSERT_EQ(read(ends[0], &told, 1), 1);
    ++step;
    poll(nullptr, 0, static_cast<int>(random.below(25)));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    while (read(ends[0], &told, 1) == 1) ++step;
    close(ends[0]);

    const auto found = checkpoints.newest(no_warning);
    ASSERT_TRUE(found.has_value());
    EXPECT_GE(found->checkpoint.progress.step, step) << "a save that was told of is gone";
    EXPECT_LE(found->checkpoint.progress.step, step + 1);
    step = found->checkpoint.progress.step;
    expect_equal(found->checkpoint, sample(step, step / 3 * 3));
    EXPECT_GE(read_checkpoint(checkpoints.last()).progress.step, step - 1);
    if (step > 3) {
      EXPECT_GE(read_checkpoint(checkpoints.best()).progress.step, (step - 1) / 3 * 3);
    }
  }
}

}  // namespace
}  // namespace slipway
