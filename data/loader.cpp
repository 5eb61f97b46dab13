#include "data/loader.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <mutex>
#include <numeric>
#include <optional>
#include <span>
#include <thread>

namespace slipway {
namespace {

constexpr std::size_t kNone = static_cast<std::size_t>(-1);

/// A batch while it is filled, and the memory that it reuses.
struct BatchSlot {
  Batch batch;
  std::vector<Tensor> full;  // [batch_size, ...]
  std::vector<Sample> rows;  // views of `full`, one a sample; of what the dataset gives
  std::size_t claimed = 0;   // samples that a worker has taken on
  std::size_t finished = 0;
  std::size_t failed_at = kNone;  // the first sample that could not be read
  std::exception_ptr failure;
};

/// What a worker keeps between samples.
struct Scratch {
  Sample source;   // a sample as the dataset gives it
  Sample between;  // between two transforms
};

std::exception_ptr at_sample(const Dataset& dataset, std::int64_t index) {
  const std::string name = text("sample ", index), described = dataset.describe(index);
  const std::string prefix = described == name ? name : text(name, " (", described, ")");
  try {
    throw;
  } catch (const UserError& error) {
    return std::make_exception_ptr(UserError(text(prefix, ": ", error.what())));
  } catch (const std::exception& error) {
    return std::make_exception_ptr(Error(text(prefix, ": ", error.what())));
  }
}

/// A dataset that was opened like the training data may lack targets, a batch with targets can't.
void check_targets(const Dataset& dataset, const Schema& expected) {
  if (expected.targets.empty() || !dataset.schema().targets.empty()) return;
  const std::string place = dataset.where.line > 0 ? text(dataset.where, ": ") : "";
  throw UserError(text(place, "the data have no target, expected ", expected.targets[0]));
}

}  // namespace

std::vector<std::int64_t> epoch_order(std::int64_t size, std::uint64_t seed, std::int64_t epoch) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(size));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  RandomSequence random({.key = random_key(seed, "shuffle"), .stream = static_cast<std::uint64_t>(epoch)});
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

class Loader::Impl {
 public:
  Impl(std::shared_ptr<const Dataset> dataset, std::shared_ptr<const Pipeline> pipeline,
       const LoaderOptions& options);
  ~Impl() { stop(); }

  const Batch* next();
  void seek(const LoaderState& state);
  LoaderState state() const { return state_; }
  std::int64_t samples() const { return samples_; }
  const LoaderOptions& options() const { return options_; }
  const Schema& schema() const { return pipeline_->batch(); }

 private:
  struct Work {
    BatchSlot* slot = nullptr;
    std::size_t begin = 0, end = 0;
  };

  void start();
  void stop();
  void work();
  void prepare(BatchSlot& slot);
  bool claim(Work& work);
  void fill(const Work& work, Scratch& scratch);
  void read(BatchSlot& slot, std::size_t row, Scratch& scratch) const;
  void transform(BatchSlot& slot, std::size_t row, Scratch& scratch) const;
  void bind_row(BatchSlot& slot, std::size_t row) const;
  BatchSlot& slot_of(std::int64_t ticket) { return slots_[static_cast<std::size_t>(ticket) % slots_.size()]; }

  const std::shared_ptr<const Dataset> dataset_;
  const std::shared_ptr<const Pipeline> pipeline_;
  const LoaderOptions options_;
  std::int64_t samples_ = 0;  // an epoch
  std::size_t chunk_ = 1;     // samples that a worker takes on at once
  std::size_t features_ = 0;  // that the dataset gives; in a batch, regions follow
  bool transforms_ = false;   // some input has host transforms

  // Batches are numbered by tickets. [tail_, head_) are prepared, those before filling_ claimed to the last
  // sample, and those before given_ with the caller. next() hands out given_ and frees the oldest of `held`.
  LoaderState state_;     // after the batch that was handed out
  LoaderState prepared_;  // after batch head_ - 1
  std::int64_t head_ = 0, filling_ = 0, given_ = 0, tail_ = 0;
  std::vector<BatchSlot> slots_;
  std::int64_t order_epoch_ = -1;
  std::vector<std::int64_t> order_;

  std::mutex mutex_;
  std::condition_variable work_, ready_;
  bool stopping_ = false;
  std::vector<std::thread> workers_;
  Scratch scratch_;  // of next(), without workers
};

Loader::Impl::Impl(std::shared_ptr<const Dataset> dataset, std::shared_ptr<const Pipeline> pipeline,
                   const LoaderOptions& options)
    : dataset_(std::move(dataset)),
      pipeline_(pipeline ? std::move(pipeline)
                         : std::make_shared<Pipeline>(dataset_->schema(), std::vector<Slot<Transform>>{})),
      options_(options) {
  require(options.batch_size > 0 && options.workers >= 0 && options.prefetch > 0 && options.held > 0,
          "a loader needs a batch size, batches to prefetch and to hold, and no negative number of workers");
  const std::int64_t size = dataset_->size();
  require_user(size > 0, "the dataset has no samples");
  samples_ = options.drop_last ? size - size % options.batch_size : size;
  check_targets(*dataset_, pipeline_->source());
  require_user(samples_ > 0, "the dataset has ", size, " samples, fewer than a batch of ", options.batch_size,
               ", and a last batch that is not full is dropped");
  const Schema& schema = pipeline_->batch();
  features_ = schema.size() - schema.regions.size();
  for (std::size_t f = 0; f < schema.size(); ++f) {
    transforms_ = transforms_ || pipeline_->has_host_transforms(f);
    require_user(schema[f].is_fixed(), "samples of '", schema[f],
                 "' differ in size and make no batch; add a transform that resizes or crops");
  }
  const std::int64_t ranks = options.shard.ranks;
  const auto batch_size = static_cast<std::size_t>((std::min(options.batch_size, size) + ranks - 1) / ranks);
  const auto workers = static_cast<std::size_t>(options.workers);
  chunk_ = workers <= 1 ? batch_size : std::max<std::size_t>(1, batch_size / (4 * workers));
  slots_.resize(static_cast<std::size_t>(options.held + (workers == 0 ? 0 : options.prefetch)));
  for (BatchSlot& slot : slots_) {
    slot.rows.resize(batch_size);
    slot.batch.indices.reserve(batch_size);
    for (std::size_t f = 0; f < schema.size(); ++f) {
      const Tensor full(schema[f].dtype, schema[f].shape.inserted(0, static_cast<std::int64_t>(batch_size)));
      slot.full.push_back(full);
      slot.batch.tensors.push_back(full);
    }
    for (std::size_t row = 0; row < batch_size; ++row) bind_row(slot, row);
  }
}

/// The samples of the next batch. With workers: under the mutex.
void Loader::Impl::prepare(BatchSlot& slot) {
  if (prepared_.next_sample >= samples_) prepared_ = {prepared_.epoch + 1, 0};
  const std::int64_t first = prepared_.next_sample;
  const std::int64_t samples = std::min(options_.batch_size, samples_ - first);
  const std::int64_t begin = first + options_.shard.begin(samples), end = first + options_.shard.end(samples);
  if (options_.shuffle && order_epoch_ != prepared_.epoch) {
    order_ = epoch_order(dataset_->size(), options_.seed, prepared_.epoch);
    order_epoch_ = prepared_.epoch;
  }
  Batch& batch = slot.batch;
  batch.epoch = prepared_.epoch;
  batch.samples = samples;
  const bool resized = batch.tensors[0].shape()[0] != end - begin;
  batch.indices.clear();
  for (std::int64_t i = begin; i < end; ++i) {
    batch.indices.push_back(options_.shuffle ? order_[static_cast<std::size_t>(i)] : i);
  }
  for (std::size_t f = 0; resized && f < slot.full.size(); ++f) {
    batch.tensors[f] = slot.full[f].slice(0, 0, end - begin);
  }
  slot.claimed = slot.finished = 0;
  slot.failed_at = kNone;
  slot.failure = nullptr;
  prepared_.next_sample = first + samples;
  ++head_;
}

void Loader::Impl::read(BatchSlot& slot, std::size_t row, Scratch& scratch) const {
  const Schema& batch = pipeline_->batch();
  Sample& target = slot.rows[row];
  const std::int64_t index = slot.batch.indices[row];
  if (!transforms_) {  // the dataset writes into the batch
    dataset_->read(index, target);
  } else {
    scratch.source.resize(target.size());
    dataset_->read(index, scratch.source);
  }
  if (transforms_ || !batch.regions.empty()) transform(slot, row, scratch);
  for (std::size_t f = 0; f < target.size(); ++f) {
    const ValueType type(batch[f].dtype, batch[f].shape);
    const std::size_t offset = row * type.bytes();
    if (target[f].view().data == slot.full[f].view().data + offset) continue;
    throw UserError(text("'", batch[f].name, "' is ", target[f].type(), ", expected ", batch[f]));
  }
}

/// What is random takes its numbers feature by feature, whether it is done here or left to the graph.
void Loader::Impl::transform(BatchSlot& slot, std::size_t row, Scratch& scratch) const {
  Sample& target = slot.rows[row];
  const std::int64_t index = slot.batch.indices[row];
  RandomSequence random(
      {.key = random_key(options_.seed, "augment"),
       .stream = static_cast<std::uint64_t>(slot.batch.epoch) << 40 ^ static_cast<std::uint64_t>(index)});
  for (std::size_t f = 0; f < target.size(); ++f) {
    if (pipeline_->has_host_transforms(f)) {
      pipeline_->apply(f, scratch.source[f], target[f], scratch.between, options_.mode, random);
    } else if (transforms_) {
      const Tensor& source = scratch.source[f];
      ensure_type(target[f], source.dtype(), source.shape());
      std::memcpy(target[f].view().data, source.view().data, source.type().bytes());
    }
    if (const std::optional<std::size_t> regions = pipeline_->regions_of(f)) {
      const std::span<std::int32_t> all = slot.full[*regions].as<std::int32_t>();
      const std::size_t count = all.size() / slot.rows.size();
      pipeline_->choose_regions(f, options_.mode, random, all.subspan(row * count, count));
    }
  }
}

/// Makes a row a view of its batch, which a failed read may have replaced.
void Loader::Impl::bind_row(BatchSlot& slot, std::size_t row) const {
  const Schema& batch = pipeline_->batch();
  Sample& target = slot.rows[row];
  target.resize(features_);
  for (std::size_t f = 0; f < features_; ++f) {
    const ValueType type(batch[f].dtype, batch[f].shape);
    target[f] = slot.full[f].shared(type, row * type.bytes());
  }
}

void Loader::Impl::fill(const Work& work, Scratch& scratch) {
  BatchSlot& slot = *work.slot;
  std::size_t row = work.begin;
  std::exception_ptr failure;
  try {
    for (; row < work.end; ++row) read(slot, row, scratch);
  } catch (...) {
    failure = at_sample(*dataset_, slot.batch.indices[row]);
    bind_row(slot, row);
  }
  const std::lock_guard lock(mutex_);
  if (failure && row < slot.failed_at) {
    slot.failed_at = row;
    slot.failure = failure;
  }
  slot.finished += work.end - work.begin;
}

/// Takes on the next samples, if there are any and there is room; under the mutex.
bool Loader::Impl::claim(Work& work) {
  if (filling_ == head_) {
    if (head_ - tail_ == static_cast<std::int64_t>(slots_.size())) return false;
    prepare(slot_of(head_));
  }
  BatchSlot& slot = slot_of(filling_);
  const std::size_t size = slot.batch.indices.size();
  work = {&slot, slot.claimed, std::min(slot.claimed + chunk_, size)};
  slot.claimed = work.end;
  if (slot.claimed == size) ++filling_;
  return true;
}

void Loader::Impl::work() {
  Scratch scratch;
  Work work;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [&] { return stopping_ || claim(work); });
      if (stopping_) return;
    }
    fill(work, scratch);
    ready_.notify_one();
  }
}

void Loader::Impl::start() {
  for (int i = 0; i < options_.workers; ++i) workers_.emplace_back([this] { work(); });
}

void Loader::Impl::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
  stopping_ = false;
}

const Batch* Loader::Impl::next() {
  std::unique_lock lock(mutex_);
  if (given_ - tail_ == options_.held) {
    ++tail_;
    work_.notify_all();
  }
  if (state_.next_sample >= samples_) {
    state_ = {state_.epoch + 1, 0};
    return nullptr;
  }
  BatchSlot& slot = slot_of(given_);
  if (options_.workers == 0) {
    Work work;
    lock.unlock();
    while (head_ == given_ || slot.finished < slot.batch.indices.size()) {
      claim(work);
      fill(work, scratch_);
    }
  } else {
    if (workers_.empty()) start();
    ready_.wait(lock, [&] { return head_ > given_ && slot.finished == slot.batch.indices.size(); });
  }
  if (slot.failure) std::rethrow_exception(slot.failure);
  ++given_;
  state_.next_sample += slot.batch.samples;
  return &slot.batch;
}

void Loader::Impl::seek(const LoaderState& state) {
  require_user(state.epoch >= 0 && state.next_sample >= 0 && state.next_sample <= samples_,
               "loader: cannot continue at sample ", state.next_sample, " of epoch ", state.epoch,
               "; an epoch has ", samples_, " samples");
  stop();
  state_ = prepared_ = state;
  head_ = filling_ = given_ = tail_ = 0;
}

Loader::Loader(std::shared_ptr<const Dataset> dataset, std::shared_ptr<const Pipeline> pipeline,
               const LoaderOptions& options)
    : impl_(std::make_unique<Impl>(std::move(dataset), std::move(pipeline), options)) {}
Loader::~Loader() = default;
const Batch* Loader::next() { return impl_->next(); }
LoaderState Loader::state() const { return impl_->state(); }
void Loader::seek(const LoaderState& state) { impl_->seek(state); }
std::int64_t Loader::samples() const { return impl_->samples(); }
std::int64_t Loader::batches() const {
  const std::int64_t size = impl_->options().batch_size;
  return (impl_->samples() + size - 1) / size;
}
const LoaderOptions& Loader::options() const { return impl_->options(); }
const Schema& Loader::schema() const { return impl_->schema(); }

}  // namespace slipway
