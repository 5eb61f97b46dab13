#include "data/batch_feed.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace slipway {
namespace {

/// So that kernels find each feature aligned for their widest access.
constexpr std::size_t kAlignment = 256;
std::size_t aligned(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

std::size_t batch_bytes(const Loader& loader) {
  std::size_t bytes = 0;
  for (std::size_t f = 0; f < loader.schema().size(); ++f) {
    const Feature& feature = loader.schema()[f];
    const std::int64_t samples = std::min(loader.options().batch_size, loader.samples());
    bytes += aligned(ValueType(feature.dtype, feature.shape.inserted(0, samples)).bytes());
  }
  return bytes;
}

}  // namespace

BatchFeed::BatchFeed(Loader& loader, const Stream& stream)
    : loader_(loader), stream_(stream), copy_stream_(stream), state_(loader.state()) {
  require(loader.options().held >= 2, "a feed needs a loader that holds 2 batches, got one that holds ",
          loader.options().held);
  if (stream.device.is_host()) return;
  copy_queue_ = std::make_unique<Queue>(stream.device);
  copy_stream_.native = copy_queue_->native();
  const std::size_t bytes = batch_bytes(loader);
  for (int i = 0; i < 2; ++i) places_.emplace_back(stream.device, bytes);
}

BatchFeed::Fetched BatchFeed::fetch() {
  Fetched fetched;
  try {
    fetched.batch = loader_.next();
  } catch (...) {
    fetched.failure = std::current_exception();
  }
  fetched.state = loader_.state();
  return fetched;
}

void BatchFeed::fetch_ahead() {
  if (places_.empty() || ahead_) return;  // on the host, the loader reads ahead by itself
  ahead_ = fetch();
  if (ahead_->batch) upload(*ahead_->batch, places_[1 - present_]);
}

void BatchFeed::upload(const Batch& batch, Place& place) {
  DeviceBackend& backend = device_backend(stream_.device);
  // Its earlier upload is long done, unless nobody waited for the results of two batches.
  place.uploaded.synchronize();
  place.released.hold(copy_stream_);
  std::size_t offset = 0;
  for (const Tensor& tensor : batch.tensors) {
    const std::size_t bytes = tensor.type().bytes();
    if (bytes > 0) {
      std::memcpy(place.pinned.data() + offset, tensor.view().data, bytes);
      backend.enqueue_upload(
          copy_stream_,
          {.from = place.pinned.data() + offset, .to = place.memory.data() + offset, .bytes = bytes});
    }
    offset += aligned(bytes);
  }
  place.uploaded.record(copy_stream_);
}

const Batch* BatchFeed::next() {
  values_.clear();
  if (places_.empty()) {
    ahead_ = fetch();
  } else {
    places_[present_].released.record(stream_);
    fetch_ahead();
    present_ = 1 - present_;
  }
  const Fetched fetched = *std::exchange(ahead_, std::nullopt);
  state_ = fetched.state;
  if (fetched.failure) std::rethrow_exception(fetched.failure);
  if (!fetched.batch) return nullptr;
  if (!places_.empty()) places_[present_].uploaded.hold(stream_);
  std::size_t offset = 0;
  for (const Tensor& tensor : fetched.batch->tensors) {
    const TensorView view = tensor;
    values_.push_back(places_.empty()
                          ? view
                          : TensorView{places_[present_].memory.data() + offset, view.type, stream_.device});
    offset += aligned(view.type.bytes());
  }
  return fetched.batch;
}

void BatchFeed::seek(const LoaderState& state) {
  loader_.seek(state);
  ahead_.reset();
  state_ = state;
}

}  // namespace slipway
