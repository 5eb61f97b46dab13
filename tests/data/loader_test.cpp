#include "data/loader.h"

#include <cmath>
#include <set>

#include "data/array_dataset.h"
#include "tests/data/support.h"

namespace slipway {
namespace {

/// Sample i is {i, i + 0.5} with label i % 3.
std::shared_ptr<ArrayDataset> counting(std::int64_t size) {
  std::vector<float> inputs;
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < size; ++i) {
    inputs.push_back(static_cast<float>(i));
    inputs.push_back(static_cast<float>(i) + 0.5f);
    labels.push_back(i % 3);
  }
  const Feature input{.name = "x", .dtype = DType::float32, .shape = {2}};
  const Feature label{.name = "y",
                      .kind = Feature::Kind::label,
                      .dtype = DType::int64,
                      .shape = {},
                      .labels = {"a", "b", "c"}};
  return std::make_shared<ArrayDataset>(
      Schema{{input}, {label}},
      std::vector<Tensor>{Tensor::of({size, 2}, inputs), Tensor::of({size}, labels)});
}

/// A draw per sample, so that tests see which random numbers it got.
class Jitter : public HostTransform {
 public:
  void fields(FieldVisitor&) override {}
  Feature bind(const Feature& input) override { return input; }
  void apply(const Tensor& input, Tensor& output, Mode mode, RandomSequence& random) const override {
    ensure_type(output, input.dtype(), input.shape());
    for (std::size_t i = 0; i < 2; ++i) {
      const auto noise = mode == Mode::training ? static_cast<float>(random.uniform()) : 0.0f;
      output.as<float>()[i] = input.as<float>()[i] + noise;
    }
  }
};

Slot<Transform> slot_of(std::shared_ptr<Transform> transform) {
  Slot<Transform> slot;
  slot.name = "under_test";
  slot.component = std::move(transform);
  return slot;
}

struct Seen {
  std::int64_t epoch;
  std::vector<std::int64_t> indices;
  std::vector<float> inputs;
  std::vector<std::int64_t> labels;
  friend bool operator==(const Seen&, const Seen&) = default;
};

/// Batches until `ends` epochs have ended; what lies between two ends is one epoch.
std::vector<Seen> collect(Loader& loader, int ends) {
  std::vector<Seen> seen;
  while (ends > 0) {
    const Batch* batch = loader.next();
    if (batch == nullptr) {
      --ends;
      continue;
    }
    EXPECT_EQ(batch->tensors[0].shape(), (Shape{batch->size(), 2}));
    EXPECT_EQ(batch->tensors[1].shape(), (Shape{batch->size()}));
    seen.push_back({batch->epoch, batch->indices, test::values<float>(batch->tensors[0]),
                    test::values<std::int64_t>(batch->tensors[1])});
  }
  return seen;
}

TEST(Loader, DeliversEachSampleOnceAnEpoch) {
  Loader loader(counting(10), nullptr, {.batch_size = 4, .workers = 2});
  EXPECT_EQ(loader.samples(), 10);
  EXPECT_EQ(loader.batches(), 3);
  const auto seen = collect(loader, 1);
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[1].indices, (std::vector<std::int64_t>{4, 5, 6, 7}));
  EXPECT_EQ(seen[2].inputs, (std::vector<float>{8, 8.5, 9, 9.5}));
  EXPECT_EQ(seen[2].labels, (std::vector<std::int64_t>{2, 0}));
}

TEST(Loader, ShufflesEveryEpochDifferently) {
  Loader loader(counting(100), nullptr, {.batch_size = 100, .shuffle = true, .seed = 5, .workers = 0});
  const auto seen = collect(loader, 3);
  ASSERT_EQ(seen.size(), 3u);
  for (const Seen& epoch : seen) {
    EXPECT_EQ(std::set(epoch.indices.begin(), epoch.indices.end()).size(), 100u);
    for (std::size_t i = 0; i < 100; ++i)
      EXPECT_EQ(epoch.inputs[2 * i], static_cast<float>(epoch.indices[i]));
  }
  EXPECT_NE(seen[0].indices, seen[1].indices);
  EXPECT_NE(seen[1].indices, seen[2].indices);
  EXPECT_NE(epoch_order(100, 5, 0), epoch_order(100, 6, 0));
  EXPECT_EQ(seen[2].indices, epoch_order(100, 5, 2));
}

// The chance of each sample to come first is uniform.
TEST(Loader, ShuffleIsFair) {
  std::vector<int> first(5);
  const int epochs = 20000;
  for (int epoch = 0; epoch < epochs; ++epoch) ++first[static_cast<std::size_t>(epoch_order(5, 1, epoch)[0])];
  for (const int count : first) EXPECT_NEAR(count, epochs / 5.0, 5 * std::sqrt(epochs * 0.2 * 0.8));
}

TEST(Loader, HoldsTheLastBatchesItGave) {
  for (const int workers : {0, 3}) {
    Loader loader(counting(32), nullptr, {.batch_size = 4, .workers = workers, .prefetch = 1, .held = 3});
    std::vector<const Batch*> held;
    for (std::int64_t first = 0; first < 32; first += 4) {
      held.push_back(loader.next());
      if (held.size() > 3) held.erase(held.begin());
      for (std::size_t i = 0; i < held.size(); ++i) {
        const std::int64_t expected = first - 4 * static_cast<std::int64_t>(held.size() - 1 - i);
        EXPECT_EQ(held[i]->indices[0], expected);
        EXPECT_EQ(held[i]->tensors[0].at({3, 1}), static_cast<double>(expected) + 3.5);
      }
    }
    EXPECT_EQ(loader.next(), nullptr);
  }
}

TEST(Loader, PartsMakeUpTheBatchesOfAll) {
  const auto dataset = counting(23);
  const auto pipeline =
      std::make_shared<Pipeline>(dataset->schema(), std::vector{slot_of(std::make_shared<Jitter>())});
  LoaderOptions options{.batch_size = 7, .shuffle = true, .mode = Mode::training, .seed = 3, .workers = 0};
  Loader reference(dataset, pipeline, options);
  const auto expected = collect(reference, 2);
  for (const int ranks : {2, 3, 5}) {
    std::vector<Seen> joined(expected.size());
    for (int rank = 0; rank < ranks; ++rank) {
      options.shard = {.rank = rank, .ranks = ranks};
      options.workers = rank % 3;
      Loader loader(dataset, pipeline, options);
      EXPECT_EQ(loader.batches(), 4);
      const auto parts = collect(loader, 2);
      ASSERT_EQ(parts.size(), expected.size());
      for (std::size_t i = 0; i < parts.size(); ++i) {
        joined[i].epoch = parts[i].epoch;
        const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
        append(joined[i].indices, parts[i].indices);
        append(joined[i].inputs, parts[i].inputs);
        append(joined[i].labels, parts[i].labels);
      }
    }
    EXPECT_EQ(joined, expected) << ranks << " ranks";
  }
}

/// A part may be empty; the loader stands where all ranks stand.
TEST(Loader, CountsTheSamplesOfAllParts) {
  for (const int workers : {0, 2}) {
    Loader loader(counting(5), nullptr,
                  {.batch_size = 4, .workers = workers, .shard = {.rank = 0, .ranks = 3}});
    const Batch* batch = loader.next();
    ASSERT_NE(batch, nullptr);
    EXPECT_EQ(batch->samples, 4);
    EXPECT_EQ(batch->indices, (std::vector<std::int64_t>{0}));
    EXPECT_EQ(loader.state().next_sample, 4);
    batch = loader.next();
    ASSERT_NE(batch, nullptr);
    EXPECT_EQ(batch->samples, 1);
    EXPECT_EQ(batch->size(), 0);
    EXPECT_EQ(batch->tensors[0].shape(), (Shape{0, 2}));
    EXPECT_EQ(loader.state().next_sample, 5);
    EXPECT_EQ(loader.next(), nullptr);
  }
}

TEST(Loader, DoesNotDependOnWorkersOrPrefetch) {
  const auto dataset = counting(103);
  const auto pipeline =
      std::make_shared<Pipeline>(dataset->schema(), std::vector{slot_of(std::make_shared<Jitter>())});
  LoaderOptions options{.batch_size = 16, .shuffle = true, .mode = Mode::training, .seed = 3, .workers = 0};
  Loader reference(dataset, pipeline, options);
  const auto expected = collect(reference, 3);
  ASSERT_EQ(expected.size(), 21u);
  EXPECT_NE(expected[0].inputs[0], std::floor(expected[0].inputs[0]));
  for (const int workers : {1, 2, 7}) {
    for (const int prefetch : {1, 2, 5}) {
      options.workers = workers;
      options.prefetch = prefetch;
      Loader loader(dataset, pipeline, options);
      EXPECT_EQ(collect(loader, 3), expected) << workers << " workers, " << prefetch << " batches";
    }
  }
  options.mode = Mode::evaluation;
  Loader plain(dataset, pipeline, options);
  const auto batches = collect(plain, 1);
  EXPECT_EQ(batches[0].inputs[0], std::floor(batches[0].inputs[0]));
}

TEST(Loader, ContinuesFromAnyBatch) {
  const auto dataset = counting(50);
  const auto pipeline =
      std::make_shared<Pipeline>(dataset->schema(), std::vector{slot_of(std::make_shared<Jitter>())});
  const LoaderOptions options{
      .batch_size = 8, .shuffle = true, .mode = Mode::training, .seed = 9, .workers = 2};
  Loader reference(dataset, pipeline, options);
  const auto expected = collect(reference, 2);
  for (std::size_t done = 0; done < expected.size(); ++done) {
    Loader first(dataset, pipeline, options);
    for (std::size_t i = 0; i < done; ++i) {
      if (first.next() == nullptr) first.next();
    }
    Loader second(dataset, pipeline, options);
    ASSERT_EQ(second.next()->indices, expected[0].indices);
    second.seek(first.state());
    const auto rest = collect(second, done <= 7 ? 2 : 1);
    // At an epoch's end the state is that end: the null has not been delivered yet.
    const std::vector<Seen> wanted(expected.begin() + static_cast<std::ptrdiff_t>(done), expected.end());
    EXPECT_EQ(rest.size(), wanted.size()) << done;
    EXPECT_EQ(rest, wanted) << done;
  }
}

TEST(Loader, StateTellsAnEpochsEnd) {
  Loader loader(counting(5), nullptr, {.batch_size = 4});
  EXPECT_EQ(loader.state(), (LoaderState{0, 0}));
  loader.next();
  EXPECT_EQ(loader.state(), (LoaderState{0, 4}));
  loader.next();
  EXPECT_EQ(loader.state(), (LoaderState{0, 5}));
  EXPECT_EQ(loader.next(), nullptr);
  EXPECT_EQ(loader.state(), (LoaderState{1, 0}));
  loader.seek({7, 5});
  EXPECT_EQ(loader.next(), nullptr);
  EXPECT_EQ(loader.next()->epoch, 8);
  test::expect_parts(test::user_error([&] {
                       loader.seek({0, 6});
                     }),
                     {"sample 6 of epoch 0", "an epoch has 5"});
}

TEST(Loader, KeepsOrDropsTheLastPartialBatch) {
  Loader dropping(counting(10), nullptr, {.batch_size = 4, .drop_last = true});
  EXPECT_EQ(dropping.batches(), 2);
  EXPECT_EQ(collect(dropping, 2).size(), 4u);
  Loader larger(counting(3), nullptr, {.batch_size = 64});
  const auto seen = collect(larger, 1);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].indices.size(), 3u);
  test::expect_parts(
      test::user_error([] { Loader(counting(3), nullptr, {.batch_size = 4, .drop_last = true}); }),
      {"3 samples, fewer than a batch of 4"});
}

TEST(Loader, ReusesItsMemory) {
  for (const int workers : {0, 1}) {
    Loader loader(counting(64), nullptr, {.batch_size = 8, .workers = workers, .prefetch = 2});
    std::set<const std::byte*> memory;
    for (int i = 0; i < 30; ++i) {
      if (const Batch* batch = loader.next()) memory.insert(batch->tensors[0].view().data);
    }
    EXPECT_EQ(memory.size(), workers == 0 ? 1u : 3u);
  }
}

/// Fails for some samples.
class Failing : public ArrayDataset {
 public:
  Failing() : ArrayDataset(*counting(40)) {}
  void read(std::int64_t index, Sample& sample) const override {
    if (index == 21 || index == 22) throw UserError("the file is damaged");
    if (index == 35) throw std::bad_alloc();
    ArrayDataset::read(index, sample);
  }
  std::string describe(std::int64_t index) const override { return text("file_", index, ".png"); }
};

TEST(Loader, NamesTheSampleThatCannotBeRead) {
  for (const int workers : {0, 1, 3}) {
    Loader loader(std::make_shared<Failing>(), nullptr, {.batch_size = 10, .workers = workers});
    EXPECT_NE(loader.next(), nullptr);
    EXPECT_NE(loader.next(), nullptr);
    for (int again = 0; again < 2; ++again) {
      EXPECT_EQ(test::user_error([&] { loader.next(); }), "sample 21 (file_21.png): the file is damaged");
    }
    EXPECT_EQ(loader.state(), (LoaderState{0, 20}));
    loader.seek({0, 30});
    try {
      loader.next();
      ADD_FAILURE() << "expected an error";
    } catch (const Error& error) {
      test::expect_parts(error.what(), {"sample 35 (file_35.png)", "bad_alloc"});
    }
  }
}

/// Promises another shape than it gives.
class Lying : public ArrayDataset {
 public:
  Lying() : ArrayDataset(*counting(4)) {}
  void read(std::int64_t index, Sample& sample) const override {
    ArrayDataset::read(index, sample);
    if (index == 2) sample[0] = Tensor::zeros(DType::float32, {3});
  }
};

TEST(Loader, RefusesASampleOfAnotherType) {
  Loader loader(std::make_shared<Lying>(), nullptr, {.batch_size = 4});
  EXPECT_EQ(test::user_error([&] { loader.next(); }), "sample 2: 'x' is float32[3], expected x float32[2]");
}

TEST(Loader, EndsCleanlyAtAnyMoment) {
  for (int batches = 0; batches < 6; ++batches) {
    Loader loader(counting(1000), nullptr, {.batch_size = 8, .shuffle = true, .workers = 3, .prefetch = 3});
    for (int i = 0; i < batches; ++i) ASSERT_NE(loader.next(), nullptr);
  }
}

TEST(Loader, RefusesADatasetThatMakesNoBatch) {
  Schema schema = counting(1)->schema();
  const auto dataset = std::make_shared<SubsetDataset>(counting(4), std::vector<std::int64_t>{});
  test::expect_parts(test::user_error([&] { Loader(dataset, nullptr, {}); }), {"no samples"});
  schema.inputs[0].shape = {-1};
  const auto pipeline = std::make_shared<Pipeline>(schema, std::vector<Slot<Transform>>{});
  test::expect_parts(test::user_error([&] { Loader(counting(4), pipeline, {}); }),
                     {"x float32[-1]", "a transform that resizes or crops"});
}

}  // namespace
}  // namespace slipway
