#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/tensor/event.h"
#include "core/tensor/pinned_buffer.h"
#include "data/loader.h"

namespace slipway {

/// A loader's batches where the device of a stream finds them. On the host that is where the loader has put
/// them. For a GPU, the next batch is copied into pinned memory and uploaded in a stream of its own while the
/// present one is computed on; of both memories there are two, which take turns.
class BatchFeed {
 public:
  /// The loader must hold two batches (LoaderOptions::held) and outlive the feed; nobody else calls its
  /// next().
  BatchFeed(Loader& loader, const Stream& stream);

  /// As Loader::next(). The batch is valid until the next call.
  const Batch* next();
  /// The tensors of the present batch on the device. The stream may use them until the next call of next().
  std::span<const TensorView> values() const { return values_; }
  /// Where the loader stood after the present batch.
  LoaderState state() const { return state_; }
  /// Begins to upload what next() will give. To be called once the work on the present batch is enqueued and
  /// before its results are waited for. What goes wrong shows in next().
  void fetch_ahead();
  /// As Loader::seek().
  void seek(const LoaderState& state);

 private:
  /// One of two places for a batch.
  struct Place {
    Place(Device device, std::size_t bytes)
        : pinned(device, bytes), memory(device, bytes), uploaded(device), released(device) {}
    PinnedBuffer pinned;
    Buffer memory;
    Event uploaded;  // in the copy stream
    Event released;  // in the stream: what used the batch has run
  };
  /// What the loader gave.
  struct Fetched {
    const Batch* batch = nullptr;
    LoaderState state = {};
    std::exception_ptr failure = nullptr;
  };
  Fetched fetch();
  void upload(const Batch& batch, Place& place);

  Loader& loader_;
  Stream stream_, copy_stream_;
  std::unique_ptr<Queue> copy_queue_;
  std::vector<Place> places_;  // none on the host
  std::size_t present_ = 0;    // of places_
  std::optional<Fetched> ahead_;
  LoaderState state_;
  std::vector<TensorView> values_;
};

}  // namespace slipway
