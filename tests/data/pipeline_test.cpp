#include "data/pipeline.h"

#include <cmath>

#include "data/array_dataset.h"
#include "data/split.h"
#include "tests/data/support.h"

namespace slipway {
namespace {

std::vector<Slot<Transform>> transforms(const std::vector<std::string>& yaml) {
  std::vector<Slot<Transform>> slots;
  for (const std::string& text : yaml) slots.push_back(test::make<Transform>(text));
  return slots;
}

const Feature kLabel{
    .name = "label", .kind = Feature::Kind::label, .dtype = DType::int64, .shape = {}, .labels = {"a"}};

std::shared_ptr<ArrayDataset> images(std::int64_t count) {
  const Feature image{
      .name = "image", .kind = Feature::Kind::image, .dtype = DType::uint8, .shape = {2, 2, 2}};
  const Tensor pixels(DType::uint8, {count, 2, 2, 2});
  for (std::int64_t i = 0; i < pixels.elements(); ++i) {
    pixels.as<std::uint8_t>()[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(i * i % 251);
  }
  return std::make_shared<ArrayDataset>(Schema{{image}, {kLabel}},
                                        std::vector<Tensor>{pixels, Tensor::zeros(DType::int64, {count})});
}

/// Age, colour (categorical), weight (one missing value).
std::shared_ptr<ArrayDataset> table() {
  const Feature rows{
      .name = "columns",
      .kind = Feature::Kind::table,
      .dtype = DType::float32,
      .shape = {3},
      .columns = {{.name = "age"},
                  {.name = "colour", .kind = Column::Kind::categorical, .labels = {"red", "blue"}},
                  {.name = "weight"}}};
  const Tensor cells = Tensor::of<float>({4, 3}, {1, 0, 10, 2, 1, NAN, 3, NAN, 20, 6, 1, 60});
  return std::make_shared<ArrayDataset>(Schema{{rows}, {kLabel}},
                                        std::vector<Tensor>{cells, Tensor::zeros(DType::int64, {4})});
}

TEST(Pipeline, ScalesPixelsAndNormalizesByGivenValues) {
  const auto dataset = images(3);
  const Pipeline pipeline(dataset->schema(),
                          transforms({"to_float", "normalize: {mean: [0.5, 0.25], std: [0.5, 2]}"}));
  EXPECT_EQ(pipeline.batch().inputs[0].dtype, DType::uint8);
  EXPECT_EQ(pipeline.model().inputs[0].dtype, DType::float32);
  EXPECT_FALSE(pipeline.needs_statistics());
  EXPECT_EQ(pipeline.steps(0).size(), 1u);
  Sample sample;
  dataset->read(2, sample);
  const Tensor y = pipeline.preprocess(0, sample[0].reshaped({1, 2, 2, 2}));
  for (std::int64_t i = 0; i < 8; ++i) {
    const double x = sample[0].at({i / 4, i / 2 % 2, i % 2}) / 255.0;
    EXPECT_NEAR(y.at({0, i / 4, i / 2 % 2, i % 2}), i < 4 ? (x - 0.5) / 0.5 : (x - 0.25) / 2, 1e-6);
  }
}

TEST(Pipeline, MeasuresMeanAndDeviationOfTheTrainingSet) {
  const auto dataset = images(700);
  Pipeline pipeline(dataset->schema(), transforms({"to_float", "normalize", "normalize: {mean: 1, std: 2}"}));
  ASSERT_TRUE(pipeline.needs_statistics());
  std::vector<std::int64_t> done;
  pipeline.measure(*dataset, 2, [&](std::int64_t count, std::int64_t total) {
    done.push_back(count);
    EXPECT_EQ(total, 700);
  });
  EXPECT_EQ(done, (std::vector<std::int64_t>{256, 512, 700}));
  const auto affine = std::get<Affine>(pipeline.steps(0).at(0));
  for (std::size_t channel = 0; channel < 2; ++channel) {
    double sum = 0, squares = 0;
    for (std::size_t i = 0; i < 700 * 4; ++i) {
      const std::size_t at = i / 4 * 8 + channel * 4 + i % 4;
      const double x = static_cast<double>(at * at % 251);
      sum += x;
      squares += x * x;
    }
    const double mean = sum / 2800, deviation = std::sqrt(squares / 2800 - mean * mean);
    // y = ((x - mean) / deviation - 1) / 2
    EXPECT_NEAR(affine.scale[channel], 0.5 / deviation, 1e-7);
    EXPECT_NEAR(affine.shift[channel], -0.5 * mean / deviation - 0.5, 1e-5);
  }
}

TEST(Pipeline, MeasuredValuesGoIntoTheConfiguration) {
  const auto dataset = images(40);
  const auto slots = transforms({"to_float", "normalize"});
  Pipeline pipeline(dataset->schema(), slots);
  pipeline.measure(*dataset, 0);
  const Pipeline later(dataset->schema(), transforms({"to_float", write_slot(slots[1]).to_yaml()}));
  EXPECT_FALSE(later.needs_statistics());
  const auto a = std::get<Affine>(pipeline.steps(0).at(0)), b = std::get<Affine>(later.steps(0).at(0));
  EXPECT_EQ(a.scale, b.scale);
  EXPECT_EQ(a.shift, b.shift);
}

TEST(Pipeline, StandardizesColumnsAndImputesTheMean) {
  const auto dataset = table();
  for (const bool one_hot_first : {false, true}) {
    Pipeline pipeline(dataset->schema(),
                      transforms(one_hot_first ? std::vector<std::string>{"one_hot", "standardize"}
                                               : std::vector<std::string>{"standardize", "one_hot"}));
    pipeline.measure(*dataset, 1);
    const auto columns = pipeline.model().inputs[0].columns;
    ASSERT_EQ(columns.size(), 4u);
    EXPECT_EQ(columns[1].name, "colour=red");
    EXPECT_EQ(columns[1].kind, Column::Kind::indicator);
    const Tensor cells = Tensor::of<float>({4, 3}, {1, 0, 10, 2, 1, NAN, 3, NAN, 20, 6, 1, 60});
    const auto y = test::values<float>(pipeline.preprocess(0, cells));
    const double age = std::sqrt(3.5), weight = std::sqrt(1400.0 / 3);  // means 3 and 30
    const std::vector<double> expected = {-2 / age, 1, 0, -20 / weight, -1 / age, 0, 1, 0,
                                          0,        0, 0, -10 / weight, 3 / age,  0, 1, 30 / weight};
    for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(y[i], expected[i], 1e-6) << i;
  }
}

TEST(Pipeline, NamesTheTransformThatDoesNotFit) {
  const auto message = [](const Schema& schema, const std::vector<std::string>& yaml) {
    return test::user_error([&] { Pipeline(schema, transforms(yaml)); });
  };
  const Schema image = images(1)->schema(), columns = table()->schema();
  test::expect_parts(message(image, {"normalize"}),
                     {"test.yaml:1:1: transform 'normalize'", "uint8, expected to_float"});
  test::expect_parts(message(image, {"to_float", "standardize"}), {"'standardize'", "no table of columns"});
  test::expect_parts(message(image, {"one_hot"}), {"no table of columns"});
  test::expect_parts(message(image, {"to_float", "normalize: {mean: [1, 2, 3], std: [1, 2, 3]}"}),
                     {"2 channels or columns need as many means and deviations, got 3 and 3"});
  test::expect_parts(message(image, {"to_float: {feature: picture}"}),
                     {"no input is called 'picture'; there are image"});
  Schema two = image;
  two.inputs.push_back(columns.inputs[0]);
  test::expect_parts(message(two, {"to_float"}), {"several inputs", "image, columns"});
  test::expect_parts(test::user_error([] { test::make<Transform>("normalize: {mean: [1, 2], std: [1]}"); }),
                     {"2 means and 1 deviations"});
  test::expect_parts(test::user_error([] { test::make<Transform>("normalize: {mean: 1, std: 0}"); }),
                     {"std"});
}

TEST(Split, HoldsOutTheFractionOfEachClass) {
  std::vector<std::int64_t> classes;
  for (int i = 0; i < 300; ++i) classes.push_back(i < 200 ? 0 : i < 290 ? 1 : 2);
  const auto held = hold_out(classes, 0.2, 7);
  std::vector<int> counts(3);
  for (std::size_t i = 0; i < held.size(); ++i)
    counts[static_cast<std::size_t>(classes[i])] += held[i] ? 1 : 0;
  EXPECT_EQ(counts, (std::vector<int>{40, 18, 2}));
  EXPECT_EQ(held, hold_out(classes, 0.2, 7));
  EXPECT_NE(held, hold_out(classes, 0.2, 8));
  const std::vector<std::int64_t> single = {4, 5, 5};
  EXPECT_EQ(hold_out(single, 0.001, 1)[0], false);
  EXPECT_NE(hold_out(single, 0.001, 1)[1], hold_out(single, 0.001, 1)[2]);
}

TEST(Split, PartitionsADataset) {
  Split split;
  split.fraction = 0.25;
  const auto parts = split(images(40));
  EXPECT_EQ(parts.held_out->size(), 10);
  EXPECT_EQ(parts.rest->size(), 30);
  std::vector<int> seen(40);
  for (std::int64_t i = 0; i < 10; ++i) ++seen[static_cast<std::size_t>(parts.held_out->of_whole(i))];
  for (std::int64_t i = 0; i < 30; ++i) ++seen[static_cast<std::size_t>(parts.rest->of_whole(i))];
  EXPECT_EQ(seen, std::vector<int>(40, 1));
  Sample from_part, from_whole;
  parts.held_out->read(3, from_part);
  images(40)->read(parts.held_out->of_whole(3), from_whole);
  EXPECT_EQ(test::values<std::uint8_t>(from_part[0]), test::values<std::uint8_t>(from_whole[0]));
  EXPECT_THROW(parts.held_out->of_whole(10), Error);
}

}  // namespace
}  // namespace slipway
