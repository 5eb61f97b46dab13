#include "data/transforms/image.h"

#include <cmath>
#include <fstream>
#include <map>

#include "tests/data/support.h"
#include "tests/support/paths.h"

namespace slipway {
namespace {

std::int64_t pixel(std::int64_t c, std::int64_t y, std::int64_t x) {
  return (97 * c + 31 * y + 57 * x + 13 * x * y) % 256;
}

template <class T>
Tensor image(std::int64_t channels, std::int64_t height, std::int64_t width) {
  std::vector<T> values;
  for_each_index({channels, height, width},
                 [&](const Dims& at) { values.push_back(static_cast<T>(pixel(at[0], at[1], at[2]))); });
  return Tensor::of<T>({channels, height, width}, values);
}

RandomSequence sequence(std::uint64_t stream) {
  return RandomSequence({.key = random_key(1, "test"), .stream = stream});
}

Tensor transformed(const std::string& yaml, const Tensor& input, Mode mode, std::uint64_t stream = 0) {
  const Slot<Transform> slot = test::make<Transform>(yaml);
  const Feature before{
      .name = "image", .kind = Feature::Kind::image, .dtype = input.dtype(), .shape = input.shape()};
  const Feature after = slot->bind(before);
  Tensor output;
  RandomSequence random = sequence(stream);
  dynamic_cast<HostTransform&>(*slot).apply(input, output, mode, random);
  EXPECT_EQ(output.shape(), after.shape) << yaml;
  return output;
}

// The reference is PyTorch's interpolate(mode="bilinear", antialias=True).
TEST(Resize, AgreesWithPyTorch) {
  std::ifstream file(test::source_path("tests/data/transforms/resize_reference.txt"));
  std::int64_t channels, height, width, new_height, new_width;
  int cases = 0;
  while (file >> channels >> height >> width >> new_height >> new_width) {
    ++cases;
    Tensor floats, bytes;
    const Region whole{0, 0, height, width};
    resize(image<float>(channels, height, width), whole, {new_height, new_width}, floats);
    resize(image<std::uint8_t>(channels, height, width), whole, {new_height, new_width}, bytes);
    ASSERT_EQ(floats.shape(), (Shape{channels, new_height, new_width}));
    for (std::size_t i = 0; i < static_cast<std::size_t>(floats.elements()); ++i) {
      float expected;
      ASSERT_TRUE(file >> expected);
      EXPECT_NEAR(floats.as<float>()[i], expected, 1e-3) << "case " << cases << ", " << i;
      EXPECT_NEAR(bytes.as<std::uint8_t>()[i], expected, 0.501) << "case " << cases << ", " << i;
    }
  }
  EXPECT_EQ(cases, 6);
}

TEST(Resize, OfARegionIsThatOfItsCrop) {
  const Tensor whole = image<std::uint8_t>(2, 9, 11);
  const Region region{2, 3, 5, 6};
  Tensor cut, expected, got;
  crop(whole, region, cut);
  resize(cut, {0, 0, 5, 6}, {4, 9}, expected);
  resize(whole, region, {4, 9}, got);
  EXPECT_EQ(test::values<std::uint8_t>(got), test::values<std::uint8_t>(expected));
  EXPECT_THROW(resize(whole, {5, 0, 5, 5}, {2, 2}, got), Error);
}

TEST(Resize, TakesBothSidesOrTheShorterOne) {
  EXPECT_EQ(transformed("resize: 4", image<std::uint8_t>(1, 6, 9), Mode::training).shape(), (Shape{1, 4, 4}));
  EXPECT_EQ(transformed("resize: [4, 5]", image<std::uint8_t>(3, 6, 9), Mode::training).shape(),
            (Shape{3, 4, 5}));
  EXPECT_EQ(transformed("resize: {shorter_side: 4}", image<float>(1, 6, 9), Mode::training).shape(),
            (Shape{1, 4, 6}));
  EXPECT_EQ(transformed("resize: {shorter_side: 12}", image<float>(1, 9, 6), Mode::training).shape(),
            (Shape{1, 18, 12}));
  const Slot<Transform> slot = test::make<Transform>("resize: {shorter_side: 4}");
  Feature any{.name = "image", .kind = Feature::Kind::image, .dtype = DType::uint8, .shape = {3, -1, -1}};
  EXPECT_EQ(slot->bind(any).shape, (Shape{3, -1, -1}));
  EXPECT_EQ(test::make<Transform>("resize: 8")->bind(any).shape, (Shape{3, 8, 8}));
  test::expect_parts(test::user_error([] { test::make<Transform>("resize"); }),
                     {"either size or shorter_side"});
  any.kind = Feature::Kind::tensor;
  test::expect_parts(test::user_error([&] { slot->bind(any); }), {"is no image"});
  test::expect_parts(
      test::user_error([] { transformed("resize: [1, 2, 3]", image<float>(1, 2, 2), Mode::training); }),
      {"got 3 sizes"});
}

TEST(Crop, CopiesARegionAndPadsWithZeros) {
  const Tensor whole = image<std::uint8_t>(2, 4, 5);
  for (const Region region : {Region{1, 2, 2, 3}, Region{-1, -2, 4, 4}, Region{2, 3, 5, 6},
                              Region{-3, -3, 10, 12}, Region{9, 0, 2, 2}, Region{0, -7, 2, 3}}) {
    Tensor part;
    crop(whole, region, part);
    for_each_index(part.shape(), [&](const Dims& at) {
      const std::int64_t y = region.top + at[1], x = region.left + at[2];
      const bool inside = y >= 0 && y < 4 && x >= 0 && x < 5;
      EXPECT_EQ(part.at(at), inside ? static_cast<double>(pixel(at[0], y, x)) : 0.0) << at;
    });
  }
}

TEST(Crop, CenterTakesTheMiddle) {
  const Tensor part = transformed("center_crop: [2, 3]", image<std::uint8_t>(1, 6, 7), Mode::training);
  EXPECT_EQ(part.at({0, 0, 0}), static_cast<double>(pixel(0, 2, 2)));
  test::expect_parts(
      test::user_error([] { transformed("center_crop: 8", image<std::uint8_t>(1, 6, 9), Mode::training); }),
      {"an image of 6x9 is smaller than the crop of 8x8; resize it before"});
}

TEST(RandomCrop, ReachesEveryPlaceEquallyOften) {
  const Tensor whole = image<float>(1, 4, 4);
  std::map<std::vector<float>, int> counts;
  const int draws = 5000;
  for (int i = 0; i < draws; ++i) {
    ++counts[test::values<float>(transformed("random_crop: {size: 4, padding: 2}", whole, Mode::training,
                                             static_cast<std::uint64_t>(i)))];
  }
  EXPECT_EQ(counts.size(), 25u);  // offsets -2 to 2 on both axes
  for (const auto& [pixels, count] : counts) EXPECT_NEAR(count, draws / 25.0, 6 * std::sqrt(draws / 25.0));
  EXPECT_EQ(test::values<float>(transformed("random_crop: {size: 4, padding: 2}", whole, Mode::evaluation)),
            test::values<float>(whole));
  EXPECT_EQ(transformed("random_crop: 2", whole, Mode::evaluation).at({0, 0, 0}),
            static_cast<double>(pixel(0, 1, 1)));
  EXPECT_EQ(transformed("random_crop: {size: 6, padding: 1}", whole, Mode::evaluation).at({0, 1, 1}),
            static_cast<double>(pixel(0, 0, 0)));
  test::expect_parts(
      test::user_error([&] { transformed("random_crop: {size: 7, padding: 1}", whole, Mode::training); }),
      {"smaller than the crop"});
}

// Of an image whose pixels are x and y, the corners tell which region was drawn.
TEST(RandomResizedCrop, DrawsAreaAndAspectInTheirRanges) {
  const std::int64_t side = 200, size = 64;
  const Tensor coordinates(DType::float32, {2, side, side});
  for_each_index(coordinates.shape(), [&](const Dims& at) {
    coordinates.as<float>()[static_cast<std::size_t>((at[0] * side + at[1]) * side + at[2])] =
        static_cast<float>(at[0] == 0 ? at[1] : at[2]);
  });
  double least_area = 1, largest_area = 0, least_ratio = 9, largest_ratio = 0;
  for (std::uint64_t i = 0; i < 300; ++i) {
    const Tensor part = transformed("random_resized_crop: {size: 64, scale: [0.2, 0.9], ratio: [0.5, 2]}",
                                    coordinates, Mode::training, i);
    // Between the middles of the first and the last output pixel lie 63/64 of the region.
    const double height = (part.at({0, size - 1, 5}) - part.at({0, 0, 5})) * 64 / 63;
    const double width = (part.at({1, 5, size - 1}) - part.at({1, 5, 0})) * 64 / 63;
    least_area = std::min(least_area, height * width / (side * side));
    largest_area = std::max(largest_area, height * width / (side * side));
    least_ratio = std::min(least_ratio, width / height);
    largest_ratio = std::max(largest_ratio, width / height);
  }
  EXPECT_GT(least_area, 0.18);
  EXPECT_LT(least_area, 0.25);
  EXPECT_LT(largest_area, 0.92);
  EXPECT_GT(largest_area, 0.8);
  EXPECT_GT(least_ratio, 0.48);
  EXPECT_LT(least_ratio, 0.6);
  EXPECT_LT(largest_ratio, 2.1);
  EXPECT_GT(largest_ratio, 1.7);
}

TEST(RandomResizedCrop, EvaluatesOnTheLargestMiddlePart) {
  const Tensor wide = image<std::uint8_t>(1, 8, 20);
  Tensor expected;
  resize(wide, {0, 6, 8, 8}, {4, 4}, expected);
  EXPECT_EQ(test::values<std::uint8_t>(transformed("random_resized_crop: 4", wide, Mode::evaluation)),
            test::values<std::uint8_t>(expected));
  EXPECT_EQ(transformed("random_resized_crop: [40, 10]", wide, Mode::training).shape(), (Shape{1, 40, 10}));
  test::expect_parts(
      test::user_error([] { test::make<Transform>("random_resized_crop: {size: 4, scale: [0.9, 0.1]}"); }),
      {"scale must be two numbers, the lesser first"});
}

TEST(Flip, MirrorsInTrainingOnly) {
  const Tensor before = image<float>(2, 3, 4);
  const Tensor left = transformed("horizontal_flip: 1", before, Mode::training);
  const Tensor top = transformed("vertical_flip: 1", before, Mode::training);
  for_each_index(before.shape(), [&](const Dims& at) {
    EXPECT_EQ(left.at(at), before.at({at[0], at[1], 3 - at[2]}));
    EXPECT_EQ(top.at(at), before.at({at[0], 2 - at[1], at[2]}));
  });
  EXPECT_EQ(test::values<float>(transformed("horizontal_flip: 1", before, Mode::evaluation)),
            test::values<float>(before));
  EXPECT_EQ(test::values<float>(transformed("vertical_flip: 0", before, Mode::training)),
            test::values<float>(before));
  int flipped = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    flipped +=
        transformed("horizontal_flip", before, Mode::training, i).at({0, 0, 0}) != before.at({0, 0, 0});
  }
  EXPECT_NEAR(flipped, 500, 80);
}

}  // namespace
}  // namespace slipway
