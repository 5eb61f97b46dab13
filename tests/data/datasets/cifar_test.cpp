#include "tests/data/support.h"

namespace slipway {
namespace {

using test::open_dataset;
using test::user_error;

/// A record whose pixel i is label + i.
std::string record(const std::string& labels) {
  std::string bytes = labels;
  for (int i = 0; i < 3 * 32 * 32; ++i) bytes += static_cast<char>(labels[0] + i);
  return bytes;
}

TEST(Cifar10, ReadsItsBatchesInOrder) {
  const test::TemporaryDirectory directory;
  for (int i = 1; i <= 5; ++i) {
    directory.write(
        "cifar-10-batches-bin/" + text("data_batch_", i, ".bin"),
        record(std::string(1, static_cast<char>(i))) + record(std::string(1, static_cast<char>(i + 4))));
  }
  directory.write("cifar-10-batches-bin/test_batch.bin", record(std::string(1, '\0')));
  const auto train = open_dataset("cifar10: .", directory.path());
  ASSERT_EQ(train->size(), 10);
  EXPECT_EQ(train->label(3), 6);
  Sample sample;
  train->read(3, sample);
  ASSERT_EQ(sample[0].type(), ValueType(DType::uint8, {3, 32, 32}));
  EXPECT_EQ(sample[0].at({0, 0, 0}), 6);
  EXPECT_EQ(sample[0].at({0, 1, 2}), 6 + 34);
  EXPECT_EQ(sample[0].at({2, 31, 31}), (6 + 3071) % 256);
  EXPECT_EQ(train->schema().targets[0].labels.at(9), "truck");
  const auto test = open_dataset("cifar10: {path: cifar-10-batches-bin, part: test}", directory.path());
  EXPECT_EQ(test->size(), 1);
  directory.write("cifar-10-batches-bin/batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\r\ni\nj\n\n");
  EXPECT_EQ(open_dataset("cifar10: .", directory.path())->schema().targets[0].labels.at(7), "h");
}

TEST(Cifar10, NamesFileAndByteOfAMistake) {
  const test::TemporaryDirectory directory;
  const auto message = [&](const std::string& bytes) {
    directory.write("test_batch.bin", bytes);
    return user_error([&] { open_dataset("cifar10: {path: ., part: test}", directory.path()); });
  };
  test::expect_parts(message(record("\1") + record("\x0a")),
                     {"test_batch.bin: byte 3073: label 10, expected 0 to 9"});
  test::expect_parts(message(record("\1") + "\1"),
                     {"has 3074 bytes, expected a multiple of a record's 3073"});
  test::expect_parts(message(""), {"has 0 bytes"});
  test::expect_parts(user_error([&] { open_dataset("cifar10: .", directory.path()); }),
                     {"data_batch_1.bin", "cannot be opened"});
}

TEST(Cifar100, ReadsFineOrCoarseLabels) {
  const test::TemporaryDirectory directory;
  directory.write("train.bin", record("\x13\x63"));
  EXPECT_EQ(open_dataset("cifar100: .", directory.path())->label(0), 99);
  const auto coarse = open_dataset("cifar100: {path: ., labels: coarse}", directory.path());
  EXPECT_EQ(coarse->label(0), 19);
  EXPECT_EQ(coarse->schema().targets[0].labels.size(), 20u);
  directory.write("train.bin", record("\x14\x63"));
  test::expect_parts(
      user_error([&] { open_dataset("cifar100: {path: ., labels: coarse}", directory.path()); }),
      {"train.bin: byte 0: label 20, expected 0 to 19"});
}

}  // namespace
}  // namespace slipway
