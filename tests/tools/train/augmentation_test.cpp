#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <optional>

#include "core/base/random.h"
#include "core/runtime/executor.h"
#include "data/array_dataset.h"
#include "data/batch_feed.h"
#include "tests/data/support.h"
#include "tests/support/cuda_device.h"
#include "tools/train/data_source.h"
#include "tools/train/model.h"
#include "tools/train/preprocess.h"

namespace slipway::test {
namespace {

const Feature kLabel{.name = "label", .kind = Feature::Kind::label, .dtype = DType::int64, .shape = {}};

std::uint8_t pixel(std::int64_t sample, std::int64_t i) {
  const auto mixed =
      (static_cast<std::uint32_t>(sample) * 40503u + static_cast<std::uint32_t>(i)) * 2654435761u;
  return static_cast<std::uint8_t>(mixed >> 24);
}

/// Images of random pixels; of `differing` ones every other one is a column wider.
class Images : public Dataset {
 public:
  Images(std::int64_t count, DType dtype, const Shape& shape, bool differing = false)
      : count_(count), dtype_(dtype), shape_(shape), differing_(differing) {}
  void fields(FieldVisitor&) override {}
  void open(const std::string&) override {}
  Schema schema() const override {
    const Shape shape = differing_ ? Shape{shape_[0], -1, -1} : shape_;
    return {.inputs = {{.name = "image", .kind = Feature::Kind::image, .dtype = dtype_, .shape = shape}},
            .targets = {kLabel}};
  }
  std::int64_t size() const override { return count_; }
  void read(std::int64_t index, Sample& sample) const override {
    sample.resize(2);
    ensure_type(sample[0], dtype_, differing_ ? shape_.with(2, shape_[2] + index % 2) : shape_);
    ensure_type(sample[1], DType::int64, {});
    sample[1].as<std::int64_t>()[0] = index;
    visit_dtype(dtype_, [&]<class T>() {
      const std::span<T> values = sample[0].as<T>();
      for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = static_cast<T>(static_cast<float>(pixel(index, static_cast<std::int64_t>(i))));
    });
  }

 private:
  std::int64_t count_;
  DType dtype_;
  Shape shape_;
  bool differing_;
};

/// Takes a random number before others do.
class Negative : public HostTransform {
 public:
  void fields(FieldVisitor&) override {}
  Feature bind(const Feature& input) override { return input; }
  void apply(const Tensor& input, Tensor& output, Mode, RandomSequence& random) const override {
    ensure_type(output, input.dtype(), input.shape());
    const bool negative = random.uniform() < 0.5;
    const auto from = input.as<std::uint8_t>(), to = output.as<std::uint8_t>();
    for (std::size_t i = 0; i < from.size(); ++i)
      to[i] = negative ? static_cast<std::uint8_t>(255 - from[i]) : from[i];
  }
};

std::vector<Slot<Transform>> transforms(const std::vector<std::string>& yaml) {
  std::vector<Slot<Transform>> slots;
  for (const std::string& text : yaml) {
    if (text == "negative") {
      slots.emplace_back().name = text;
      slots.back().component = std::make_shared<Negative>();
    } else {
      slots.push_back(make<Transform>(text));
    }
  }
  return slots;
}

LoaderOptions options(Mode mode, int workers) {
  return {.batch_size = 3, .shuffle = true, .mode = mode, .seed = 7, .workers = workers, .held = 2};
}

/// The images of two epochs as the host's transforms make them.
std::vector<Tensor> made_by_host(const std::shared_ptr<const Dataset>& dataset,
                                 const std::vector<std::string>& yaml, Mode mode) {
  Loader loader(dataset, std::make_shared<Pipeline>(dataset->schema(), transforms(yaml)), options(mode, 0));
  std::vector<Tensor> batches;
  for (int epoch = 0; epoch < 2; ++epoch) {
    while (const Batch* batch = loader.next()) batches.push_back(batch->tensors[0].clone());
  }
  return batches;
}

/// The graph of region steps for one batch size.
std::unique_ptr<Executor> compiled(const Pipeline& pipeline, std::int64_t samples, const Stream& stream) {
  Graph graph;
  const auto input = [&](const Feature& feature) {
    return graph.input(feature.name, {feature.dtype, feature.shape.inserted(0, samples)});
  };
  const Value images = input(pipeline.batch().inputs[0]), regions = input(pipeline.batch().regions.at(0));
  graph.output("images", take_regions(Scope(graph, {}), images, regions, pipeline.region_steps(0)));
  return std::make_unique<Executor>(std::move(graph), stream, Variables(stream),
                                    ExecutorOptions{.capture = true});
}

/// The same as a pipeline does it that leaves them to the graph.
std::vector<Tensor> made_by_graph(const std::shared_ptr<const Dataset>& dataset,
                                  const std::shared_ptr<const Pipeline>& pipeline, Mode mode,
                                  const Stream& stream, int workers) {
  Loader loader(dataset, pipeline, options(mode, workers));
  BatchFeed feed(loader, stream);
  std::map<std::int64_t, std::unique_ptr<Executor>> executors;
  std::vector<Tensor> batches;
  for (int epoch = 0; epoch < 2; ++epoch) {
    while (const Batch* batch = feed.next()) {
      const std::int64_t size = batch->size();
      std::unique_ptr<Executor>& found = executors[size];
      if (!found) found = compiled(*pipeline, size, stream);
      Executor& executor = *found;
      executor.bind("image", feed.values()[0]);
      executor.bind("image.regions", feed.values()[2]);
      executor.run();
      batches.push_back(executor.read("images"));
      for (std::int64_t i = 0; i < size; ++i)
        EXPECT_EQ(batch->tensors[1].at({i}),
                  static_cast<double>(batch->indices[static_cast<std::size_t>(i)]));
    }
  }
  return batches;
}

/// Rounding to uint8 may tell the last bit of a sum.
enum class Rounding { same, may_differ };

void expect_same(const std::vector<Tensor>& actual, const std::vector<Tensor>& expected, Rounding rounding) {
  ASSERT_EQ(actual.size(), expected.size());
  std::int64_t pixels = 0, differing = 0;
  for (std::size_t b = 0; b < actual.size(); ++b) {
    ASSERT_EQ(actual[b].type(), expected[b].type());
    const Tensor one = actual[b].cast(DType::float32), other = expected[b].cast(DType::float32);
    for (std::size_t i = 0; i < one.as<float>().size(); ++i) {
      const float difference = std::abs(one.as<float>()[i] - other.as<float>()[i]);
      ASSERT_LE(difference, rounding == Rounding::same          ? 0
                            : actual[b].dtype() == DType::uint8 ? 1
                                                                : 1e-4)
          << "batch " << b << ", " << i;
      ++pixels;
      differing += difference != 0 && actual[b].dtype() == DType::uint8;
    }
  }
  EXPECT_LE(differing, pixels / 100);
}

struct Case {
  std::vector<std::string> yaml;
  std::size_t steps;  // of the graph
  Rounding rounding = Rounding::same;
};
const std::vector<Case> kCases = {
    {{"horizontal_flip"}, 1},
    {{"vertical_flip: 0.7", "horizontal_flip", "vertical_flip: 0.7"}, 1},
    {{"random_crop: {size: [SAME], padding: 4}", "horizontal_flip"}, 1},
    {{"random_crop: {size: [SAME], padding: 1}"}, 1},
    {{"horizontal_flip", "random_crop: {size: [SAME], padding: 2}", "vertical_flip"}, 2},
    {{"center_crop: 1", "random_crop: {size: [SAME], padding: 40}", "vertical_flip"}, 2},
    {{"negative", "center_crop: [1, 1]", "horizontal_flip"}, 1},
    {{"resize: [SAME]", "horizontal_flip"}, 1},
    {{"resize: [20, 30]"}, 1, Rounding::may_differ},
    {{"random_resized_crop: 24", "horizontal_flip", "vertical_flip"}, 1, Rounding::may_differ},
    {{"random_resized_crop: [12, 40]", "random_crop: {size: 14, padding: 2}"}, 2, Rounding::may_differ},
    {{"negative", "horizontal_flip", "resize: {shorter_side: 16}", "center_crop: 16"},
     3,
     Rounding::may_differ}};

std::vector<std::string> sized(std::vector<std::string> yaml, const Shape& shape) {
  for (std::string& text : yaml) {
    const std::size_t at = text.find("SAME");
    if (at != std::string::npos) text.replace(at, 4, slipway::text(shape[1], ", ", shape[2]));
  }
  return yaml;
}

void expect_graph_follows_host(const Stream& stream) {
  for (const Shape& shape :
       {Shape{1, 1, 1}, Shape{3, 31, 33}, Shape{1, 33, 31}, Shape{3, 32, 32}, Shape{2, 28, 20}}) {
    for (const DType dtype : {DType::uint8, DType::float32}) {
      const auto dataset = std::make_shared<Images>(7, dtype, shape);
      for (const Case& c : kCases) {
        const std::vector<std::string> yaml = sized(c.yaml, shape);
        if (dtype == DType::float32 && (yaml[0] == "negative" || shape[1] != 31)) continue;
        const auto pipeline = std::make_shared<Pipeline>(dataset->schema(), transforms(yaml));
        pipeline->leave_images_to_graph();
        if (pipeline->batch().regions.empty()) continue;  // they are too large
        SCOPED_TRACE(text(dtype, shape, ' ', yaml[0], ", ... ", yaml.back()));
        EXPECT_EQ(pipeline->region_steps(0).size(), c.steps);
        for (const Mode mode : {Mode::training, Mode::evaluation}) {
          expect_same(made_by_graph(dataset, pipeline, mode, stream, mode == Mode::training ? 2 : 0),
                      made_by_host(dataset, yaml, mode), c.rounding);
        }
      }
    }
  }
}

TEST(Augmentation, GraphFollowsTheHostsTransforms) {
  expect_graph_follows_host({.threads = 2});
  const std::optional<Device> cuda = find_cuda_device();
  if (!cuda) return;
  SCOPED_TRACE(to_string(*cuda));
  const Queue queue(*cuda);
  expect_graph_follows_host({.device = *cuda, .native = queue.native()});
}

TEST(Augmentation, BeginsWhereImagesAreOfOneSize) {
  const auto dataset = std::make_shared<Images>(7, DType::uint8, Shape{3, 20, 17}, true);
  const std::vector<std::string> yaml = {"random_crop: {size: 16, padding: 2}", "horizontal_flip",
                                         "random_crop: {size: 16, padding: 2}"};
  const auto pipeline = std::make_shared<Pipeline>(dataset->schema(), transforms(yaml));
  pipeline->leave_images_to_graph();
  EXPECT_TRUE(pipeline->has_host_transforms(0));
  EXPECT_EQ(pipeline->batch().inputs[0].shape, (Shape{3, 16, 16}));
  EXPECT_EQ(pipeline->region_steps(0).size(), 2u);
  expect_same(made_by_graph(dataset, pipeline, Mode::training, {}, 2),
              made_by_host(dataset, yaml, Mode::training), Rounding::same);
}

TEST(Augmentation, LeavesToTheHostWhatTheGraphCannotDo) {
  const auto left = [](const std::vector<std::string>& yaml) {
    const Images dataset(1, DType::uint8, {3, 32, 32});
    Pipeline pipeline(dataset.schema(), transforms(yaml));
    pipeline.leave_images_to_graph();
    EXPECT_EQ(pipeline.batch().regions.empty(), !pipeline.regions_of(0).has_value());
    return pipeline.region_steps(0).size();
  };
  EXPECT_EQ(left({}), 0u);
  EXPECT_EQ(left({"to_float"}), 0u);
  EXPECT_EQ(left({"horizontal_flip", "negative"}), 0u);
  EXPECT_EQ(left({"horizontal_flip", "negative", "vertical_flip"}), 1u);
  // A batch of images that is uploaded should not be much larger than what is left of them.
  EXPECT_EQ(left({"center_crop: 12"}), 1u);
  EXPECT_EQ(left({"center_crop: 11"}), 0u);
  EXPECT_EQ(left({"center_crop: 20", "center_crop: 8"}), 1u);
}

TEST(Augmentation, ChangesNeitherSourceNorModel) {
  const Images dataset(3, DType::uint8, {3, 9, 8});
  Pipeline pipeline(dataset.schema(),
                    transforms({"resize: 6", "center_crop: [4, 5]", "horizontal_flip", "to_float"}));
  const Pipeline before = pipeline;
  pipeline.leave_images_to_graph();
  pipeline.leave_images_to_graph();  // again: nothing
  EXPECT_EQ(pipeline.source().inputs, before.source().inputs);
  EXPECT_EQ(pipeline.model().inputs, before.model().inputs);
  EXPECT_EQ(pipeline.sample_steps(0).size(), 2u);
  EXPECT_EQ(pipeline.batch().inputs[0].shape, (Shape{3, 9, 8}));
  ASSERT_EQ(pipeline.batch().regions.size(), 1u);
  EXPECT_EQ(pipeline.batch().regions[0].shape, (Shape{2, 6}));
  // Pictures for people are those that the host would have made.
  Sample sample, scratch;
  dataset.read(1, sample);
  Tensor expected;
  RandomSequence random({.key = 1});
  before.apply(0, sample[0], expected, scratch, Mode::evaluation, random);
  EXPECT_EQ(values<std::uint8_t>(pipeline.finished(0, sample[0])), values<std::uint8_t>(expected));
  EXPECT_EQ(values<std::uint8_t>(before.finished(0, expected)), values<std::uint8_t>(expected));
}

TEST(Augmentation, ComesAfterStatistics) {
  const Images dataset(3, DType::uint8, {3, 9, 8});
  Pipeline pipeline(dataset.schema(), transforms({"center_crop: 5", "to_float", "normalize"}));
  EXPECT_THROW(pipeline.leave_images_to_graph(), Error);
  pipeline.measure(dataset, 1);
  pipeline.leave_images_to_graph();
  EXPECT_EQ(pipeline.region_steps(0).size(), 1u);
}

TEST(Augmentation, IsPartOfTheModelWhereADeviceTrains) {
  RunConfig config = parse_run_config(R"(
data:
  train: {random: {shape: [3, 7, 9], classes: 3, samples: 4}}
  transforms: [random_crop: {size: 7, padding: 2}, horizontal_flip]
model: [flatten, linear: 3]
loss: cross_entropy
train: {batch_size: 2, optimizer: {sgd: {learning_rate: 1}}}
)",
                                      "run");
  DataSource source(config, ".");
  const Model model(config, *source.pipeline());
  const auto has_regions = [&] {
    const Graph graph = model.forward({.batch_size = 2}).graph;
    for (const Node& node : graph.nodes()) {
      if (node.kind == NodeKind::op && node.op->name() == "take_regions") return true;
    }
    return false;
  };
  source.deliver_to({});
  EXPECT_FALSE(has_regions());
  source.deliver_to({DeviceKind::cuda, 0});
  EXPECT_TRUE(has_regions());
}

}  // namespace
}  // namespace slipway::test
