#include <thread>

#include "core/io/hdf5.h"
#include "tests/data/support.h"

namespace slipway {
namespace {

using test::open_dataset;
using test::user_error;

/// Images 3x2x2 whose values count up, a vector, a class and a number for each of five samples.
void write(const std::string& path) {
  hdf5::File file = hdf5::File::create({});
  const Tensor images(DType::uint8, {5, 3, 2, 2}), vectors(DType::float32, {5, 2});
  for (std::size_t i = 0; i < 60; ++i) images.as<std::uint8_t>()[i] = static_cast<std::uint8_t>(i);
  for (std::size_t i = 0; i < 10; ++i) vectors.as<float>()[i] = static_cast<float>(i) / 2;
  file.write("images", images);
  file.write("group/vectors", vectors);
  file.write("classes", Tensor::of<std::int32_t>({5}, {0, 2, 1, 1, 0}));
  file.write("prices", Tensor::of<float>({5}, {1, 2, 3, 4, 5}));
  file.write("short", Tensor::of<float>({4}, {1, 2, 3, 4}));
  file.write("scalar", Tensor::scalar(1.0f));
  file.save(path);
}

struct Hdf5File {
  test::TemporaryDirectory directory;
  Hdf5File() { write(directory / "data.h5"); }
  std::shared_ptr<Dataset> open(const std::string& fields) const {
    return open_dataset("hdf5: {path: data.h5, " + fields + "}", directory.path());
  }
};

TEST(Hdf5Dataset, ReadsNamedArraysFromMemoryAndDisk) {
  const Hdf5File file;
  for (const int megabytes : {0, 16}) {
    const auto dataset = file.open(
        text("inputs: [images, group/vectors], targets: [classes, prices], memory_megabytes: ", megabytes));
    const Schema schema = dataset->schema();
    ASSERT_EQ(schema.size(), 4u);
    EXPECT_EQ(schema.inputs[0].kind, Feature::Kind::image);
    EXPECT_EQ(schema.inputs[1].name, "group/vectors");
    EXPECT_EQ(schema.targets[0].labels, (std::vector<std::string>{"0", "1", "2"}));
    EXPECT_EQ(schema.targets[1].shape, (Shape{1}));
    ASSERT_EQ(dataset->size(), 5);
    Sample sample;
    dataset->read(1, sample);
    EXPECT_EQ(sample[0].type(), ValueType(DType::uint8, {3, 2, 2}));
    EXPECT_EQ(sample[0].at({2, 1, 0}), 12 + 10);
    EXPECT_EQ(test::values<float>(sample[1]), (std::vector<float>{1, 1.5}));
    EXPECT_EQ(sample[2].item(), 2);
    EXPECT_EQ(sample[3].item(), 2);
    EXPECT_EQ(dataset->label(2), 1);
    EXPECT_THROW(dataset->read(5, sample), Error);
  }
}

TEST(Hdf5Dataset, IsReadBySeveralThreads) {
  const Hdf5File file;
  const auto dataset = file.open("inputs: images, targets: classes, memory_megabytes: 0");
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (std::size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      Sample sample;
      for (std::int64_t i = 0; i < 200; ++i) {
        dataset->read(i % 5, sample);
        wrong[t] += sample[0].at({0, 0, 0}) != static_cast<double>(i % 5 * 12);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4));
}

TEST(Hdf5Dataset, NamesWhatIsWrong) {
  const Hdf5File file;
  const auto message = [&](const std::string& fields) { return user_error([&] { file.open(fields); }); };
  test::expect_parts(message("inputs: pictures"), {"data.h5", "pictures"});
  test::expect_parts(message("inputs: images, targets: short"),
                     {"data.h5:/short: has 4 samples, images has 5"});
  test::expect_parts(message("inputs: scalar"), {"data.h5:/scalar: has shape []"});
  test::expect_parts(message("inputs: images, targets: classes, labels: [a, b]"),
                     {"data.h5:/classes: class 2 of sample 1, expected 0 to 1"});
  test::expect_parts(
      user_error([&] { open_dataset("hdf5: {path: none.h5, inputs: x}", file.directory.path()); }),
      {"none.h5"});
  file.directory.write("text.h5", "no HDF5");
  test::expect_parts(
      user_error([&] { open_dataset("hdf5: {path: text.h5, inputs: x}", file.directory.path()); }),
      {"text.h5"});
}

TEST(Hdf5Dataset, NeedsNoTargetsToPredictFrom) {
  const Hdf5File file;
  const auto train = file.open("inputs: images, targets: classes, labels: [a, b, c]");
  hdf5::File other = hdf5::File::create({});
  other.write("images", Tensor::zeros(DType::uint8, {2, 3, 2, 2}));
  other.save(file.directory / "other.h5");
  const Slot<Dataset> unlabelled =
      test::make<Dataset>("hdf5: {path: other.h5, inputs: images, targets: classes}");
  unlabelled->open_like(file.directory.path(), train->schema());
  EXPECT_EQ(unlabelled->size(), 2);
  EXPECT_EQ(unlabelled->schema().targets.size(), 0u);
  const Slot<Dataset> differing = test::make<Dataset>("hdf5: {path: data.h5, inputs: group/vectors}");
  test::expect_parts(user_error([&] { differing->open_like(file.directory.path(), train->schema()); }),
                     {"the data differ from those of training: expected images uint8[3, 2, 2], got "
                      "group/vectors float32[2]"});
}

}  // namespace
}  // namespace slipway
