#include "data/batch_feed.h"

#include "data/array_dataset.h"
#include "tests/data/support.h"
#include "tests/support/cuda_device.h"

namespace slipway {
namespace {

/// Sample i is {i, i + 0.5} with label i. One of them may be unreadable.
class Counting : public ArrayDataset {
 public:
  static std::shared_ptr<Counting> make(std::int64_t size, std::int64_t broken = -1) {
    std::vector<float> inputs;
    std::vector<std::int64_t> labels;
    for (std::int64_t i = 0; i < size; ++i) {
      inputs.push_back(static_cast<float>(i));
      inputs.push_back(static_cast<float>(i) + 0.5f);
      labels.push_back(i);
    }
    const Feature input{.name = "x", .dtype = DType::float32, .shape = {2}};
    const Feature label{.name = "y", .dtype = DType::int64, .shape = {}};
    auto dataset = std::make_shared<Counting>(
        Schema{{input}, {label}},
        std::vector<Tensor>{Tensor::of({size, 2}, inputs), Tensor::of({size}, labels)});
    dataset->broken_ = broken;
    return dataset;
  }
  using ArrayDataset::ArrayDataset;
  void read(std::int64_t index, Sample& sample) const override {
    require_user(index != broken_, "is broken");
    ArrayDataset::read(index, sample);
  }

 private:
  std::int64_t broken_ = -1;
};

/// The CPU, and a GPU, real or simulated, where there is one.
template <class Body>
void on_each_device(Body&& body) {
  std::vector<Device> devices = {Device{}};
  if (const std::optional<Device> cuda = test::find_cuda_device()) devices.push_back(*cuda);
  for (const Device device : devices) {
    SCOPED_TRACE(to_string(device));
    const Queue queue(device);
    body(Stream{.device = device, .native = queue.native()});
  }
}

/// What lies at the feed's values, read in the order of the stream.
template <class T>
std::vector<T> read(const Stream& stream, const TensorView& value) {
  EXPECT_EQ(value.device, stream.device);
  const Tensor host(value.dtype(), value.shape());
  enqueue_copy(stream, value, host);
  return test::values<T>(host);
}

void expect_batch(const BatchFeed& feed, const Stream& stream, const Batch& batch) {
  ASSERT_EQ(feed.values().size(), 2u);
  std::vector<float> first;
  for (const std::int64_t index : batch.indices) {
    first.push_back(static_cast<float>(index));
    first.push_back(static_cast<float>(index) + 0.5f);
  }
  EXPECT_EQ(read<float>(stream, feed.values()[0]), first);
  EXPECT_EQ(read<std::int64_t>(stream, feed.values()[1]), batch.indices);
  EXPECT_EQ(test::values<std::int64_t>(batch.tensors[1]), batch.indices);  // the loader's own, too
}

TEST(BatchFeed, GivesEveryBatchOfTheLoader) {
  on_each_device([](const Stream& stream) {
    for (const int workers : {0, 2}) {
      Loader loader(Counting::make(19), nullptr, {.batch_size = 4, .workers = workers, .held = 2});
      BatchFeed feed(loader, stream);
      for (int epoch = 0; epoch < 2; ++epoch) {
        for (std::int64_t first = 0; first < 19; first += 4) {
          const Batch* batch = feed.next();
          ASSERT_NE(batch, nullptr);
          EXPECT_EQ(batch->indices[0], first);
          EXPECT_EQ(batch->size(), std::min<std::int64_t>(4, 19 - first));
          if (first != 8) feed.fetch_ahead();
          feed.fetch_ahead();  // does nothing more
          expect_batch(feed, stream, *batch);
          EXPECT_EQ(feed.state(), (LoaderState{epoch, std::min<std::int64_t>(19, first + 4)}));
        }
        EXPECT_EQ(feed.next(), nullptr);
        EXPECT_TRUE(feed.values().empty());
        EXPECT_EQ(feed.state(), (LoaderState{epoch + 1, 0}));
      }
    }
  });
}

TEST(BatchFeed, GivesThemToWorkThatNobodyWaitsFor) {
  on_each_device([](const Stream& stream) {
    Loader loader(Counting::make(39), nullptr, {.batch_size = 4, .held = 2});
    BatchFeed feed(loader, stream);
    std::vector<Tensor> used;
    while (feed.next()) {
      const TensorView labels = feed.values()[1];
      enqueue_copy(stream, labels, used.emplace_back(labels.type, stream.device));
      feed.fetch_ahead();
    }
    ASSERT_EQ(used.size(), 10u);
    for (std::size_t batch = 0; batch < used.size(); ++batch) {
      const std::vector<std::int64_t> labels = read<std::int64_t>(stream, used[batch]);
      for (std::size_t i = 0; i < labels.size(); ++i)
        EXPECT_EQ(labels[i], static_cast<std::int64_t>(4 * batch + i));
    }
  });
}

TEST(BatchFeed, ForgetsWhatItFetchedWhenItSeeks) {
  on_each_device([](const Stream& stream) {
    Loader loader(Counting::make(19), nullptr, {.batch_size = 4, .held = 2});
    BatchFeed feed(loader, stream);
    for (const std::int64_t at : {8, 4, 16, 0}) {
      feed.seek({.epoch = 3, .next_sample = at});
      EXPECT_EQ(feed.state(), (LoaderState{3, at}));
      const Batch* batch = feed.next();
      ASSERT_NE(batch, nullptr);
      EXPECT_EQ(batch->epoch, 3);
      EXPECT_EQ(batch->indices[0], at);
      feed.fetch_ahead();
      expect_batch(feed, stream, *batch);
    }
  });
}

TEST(BatchFeed, TellsOfABadSampleOnlyAtItsBatch) {
  on_each_device([](const Stream& stream) {
    Loader loader(Counting::make(12, 5), nullptr, {.batch_size = 4, .workers = 0, .held = 2});
    BatchFeed feed(loader, stream);
    const Batch* batch = feed.next();
    ASSERT_NE(batch, nullptr);
    feed.fetch_ahead();
    expect_batch(feed, stream, *batch);
    EXPECT_EQ(test::user_error([&] { feed.next(); }), "sample 5: is broken");
  });
}

TEST(BatchFeed, NeedsALoaderThatHoldsTwoBatches) {
  Loader loader(Counting::make(12), nullptr, {.batch_size = 4});
  EXPECT_THROW(BatchFeed(loader, {}), Error);
}

}  // namespace
}  // namespace slipway
