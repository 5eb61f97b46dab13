#include <zlib.h>

#include "tests/data/support.h"
#include "tests/support/paths.h"

namespace slipway {
namespace {

using test::idx_bytes;
using test::open_dataset;
using test::user_error;

TEST(IdxDataset, ReadsImagesAndLabels) {
  const test::TemporaryDirectory directory;
  directory.write("images", idx_bytes(0x08, {3, 2, 2}, "abcdefghijkl"));
  directory.write("labels", idx_bytes(0x08, {3}, std::string("\x02\x00\x01", 3)));
  const auto dataset =
      open_dataset("idx: {inputs: images, labels: labels, classes: [x, y, z]}", directory.path());
  const Schema schema = dataset->schema();
  ASSERT_EQ(schema.size(), 2u);
  EXPECT_EQ(schema.inputs[0].kind, Feature::Kind::image);
  EXPECT_EQ(schema.inputs[0].shape, (Shape{1, 2, 2}));
  EXPECT_EQ(schema.targets[0].labels, (std::vector<std::string>{"x", "y", "z"}));
  ASSERT_EQ(dataset->size(), 3);
  Sample sample;
  dataset->read(1, sample);
  EXPECT_EQ(test::values<std::uint8_t>(sample[0]), (std::vector<std::uint8_t>{'e', 'f', 'g', 'h'}));
  const std::byte* memory = sample[0].view().data;
  dataset->read(2, sample);
  EXPECT_EQ(sample[0].view().data, memory);
  EXPECT_EQ(sample[1].item(), 1);
  EXPECT_EQ(dataset->label(0), 2);
  EXPECT_THROW(dataset->read(3, sample), Error);
  EXPECT_THROW(dataset->read(-1, sample), Error);

  const auto unnamed = open_dataset("idx: {inputs: images, labels: labels}", directory.path());
  EXPECT_EQ(unnamed->schema().targets[0].labels, (std::vector<std::string>{"0", "1", "2"}));
}

TEST(IdxDataset, TakesOtherRanksAsTheyAre) {
  const test::TemporaryDirectory directory;
  directory.write("rows", idx_bytes(0x0B, {2, 3}, std::string("\0\1\0\2\0\3\0\4\0\5\0\6", 12)));
  directory.write("labels", idx_bytes(0x08, {2}, std::string("\1\0", 2)));
  const auto dataset = open_dataset("idx: {inputs: rows, labels: labels}", directory.path());
  EXPECT_EQ(dataset->schema().inputs[0].kind, Feature::Kind::tensor);
  Sample sample;
  dataset->read(1, sample);
  EXPECT_EQ(test::values<std::int32_t>(sample[0]), (std::vector<std::int32_t>{4, 5, 6}));
}

TEST(IdxDataset, NamesFileAndSampleOfAMistake) {
  const test::TemporaryDirectory directory;
  directory.write("images", idx_bytes(0x08, {3, 1, 1}, "abc"));
  directory.write("short", idx_bytes(0x08, {2}, "\1\1"));
  directory.write("matrix", idx_bytes(0x08, {3, 1}, "\1\1\1"));
  directory.write("float", idx_bytes(0x0D, {3}, std::string(12, '\0')));
  directory.write("negative", idx_bytes(0x09, {3}, "\1\xff\1"));
  directory.write("large", idx_bytes(0x08, {3}, "\1\1\7"));
  const auto message = [&](const std::string& labels) {
    return user_error([&] {
      open_dataset("idx: {inputs: images, labels: " + labels + ", classes: [a, b]}", directory.path());
    });
  };
  test::expect_parts(message("short"),
                     {directory / "short", "holds 2 labels", directory / "images", "holds 3 samples"});
  test::expect_parts(message("matrix"),
                     {directory / "matrix", "uint8[3, 1], expected one integer label a sample"});
  test::expect_parts(message("float"), {directory / "float", "expected one integer label"});
  test::expect_parts(message("negative"), {directory / "negative", "label -1 of sample 1, expected 0 to 1"});
  test::expect_parts(message("large"), {directory / "large", "label 7 of sample 2, expected 0 to 1"});
  test::expect_parts(message("absent"), {directory / "absent", "cannot be opened"});
  test::expect_parts(
      user_error([&] { open_dataset("idx: {inputs: short, labels: short}", directory.path()); }),
      {directory / "short", "expected samples of at least one axis"});
}

TEST(MnistDataset, FindsPlainAndGzipFiles) {
  const test::TemporaryDirectory directory;
  const std::string images = idx_bytes(0x08, {2, 2, 2}, "abcdefgh");
  directory.write("train-images.idx3-ubyte", images);
  directory.write("train-labels-idx1-ubyte", idx_bytes(0x08, {2}, "\3\4"));
  const gzFile file = gzopen((directory / "t10k-images-idx3-ubyte.gz").c_str(), "wb");
  gzwrite(file, images.data(), static_cast<unsigned>(images.size()));
  gzclose(file);
  const auto train = open_dataset("mnist: .", directory.path());
  EXPECT_EQ(train->size(), 2);
  EXPECT_EQ(train->label(1), 4);
  test::expect_parts(user_error([&] { open_dataset("mnist: {path: ., part: test}", directory.path()); }),
                     {directory.path(), "has no file t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte.gz"});
  directory.write("t10k-labels-idx1-ubyte", idx_bytes(0x08, {2}, "\3\5"));
  EXPECT_EQ(open_dataset("mnist: {path: ., part: test}", directory.path())->label(1), 5);
}

// The numbers of samples a class are those of the MNIST database.
TEST(MnistDataset, ReadsTheRealFiles) {
  const auto test = open_dataset("mnist: {path: .cache/data/mnist, part: test}", test::source_path("."));
  EXPECT_EQ(test->size(), 10000);
  EXPECT_EQ(test->schema().inputs[0].shape, (Shape{1, 28, 28}));
  std::vector<int> counts(10);
  for (std::int64_t i = 0; i < test->size(); ++i) ++counts[static_cast<std::size_t>(test->label(i))];
  EXPECT_EQ(counts, (std::vector<int>{980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}));
  const auto train = open_dataset("mnist: {path: .cache/data/mnist}", test::source_path("."));
  EXPECT_EQ(train->size(), 60000);
}

}  // namespace
}  // namespace slipway
