#pragma once

#include <memory>
#include <vector>

#include "core/comm/shard.h"
#include "data/dataset.h"
#include "data/pipeline.h"

namespace slipway {

/// Where a loader stands: `next_sample` samples of the epoch's order have been delivered.
struct LoaderState {
  std::int64_t epoch = 0;
  std::int64_t next_sample = 0;
  friend bool operator==(const LoaderState&, const LoaderState&) = default;
};

struct LoaderOptions {
  std::int64_t batch_size = 64;
  bool shuffle = false;
  bool drop_last = false;  // leave out a last batch that is not full
  Mode mode = Mode::evaluation;
  std::uint64_t seed = 0;
  int workers = 1;   // threads that read ahead; 0: next() reads
  int prefetch = 2;  // batches that wait for next(), at most
  int held = 1;      // batches that stay valid after they were handed out: the last ones
  Shard shard = {};  // the part of each batch that is delivered
};

struct Batch {
  std::int64_t epoch = 0;
  std::int64_t samples = 0;           // of the whole batch, of which this may be a part
  std::vector<Tensor> tensors;        // one a feature of Pipeline::batch(): [size, ...]
  std::vector<std::int64_t> indices;  // of the samples in the dataset
  std::int64_t size() const { return static_cast<std::int64_t>(indices.size()); }
};

/// Delivers a dataset in batches, epoch after epoch. What it delivers depends only on seed, epoch and index,
/// never on the number of workers; the parts that several ranks get of a batch make up the same batch.
class Loader {
 public:
  Loader(std::shared_ptr<const Dataset> dataset, std::shared_ptr<const Pipeline> pipeline,
         const LoaderOptions& options);
  ~Loader();

  /// The next batch, or null once at each epoch's end; the call after that starts the next epoch. Memory of
  /// batches before the last `held` is reused. Rethrows what went wrong with one of the batch's samples.
  const Batch* next();
  /// Where the next batch starts. After an epoch's last batch: its end, at which next() gives null.
  LoaderState state() const;
  /// Continues from there. A state from another run of the same options gives the same batches.
  void seek(const LoaderState& state);

  std::int64_t samples() const;  // an epoch, after drop_last
  std::int64_t batches() const;  // an epoch
  const LoaderOptions& options() const;
  const Schema& schema() const;  // Pipeline::batch()

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// The order of an epoch: a permutation of 0..size-1 drawn by (seed, epoch).
std::vector<std::int64_t> epoch_order(std::int64_t size, std::uint64_t seed, std::int64_t epoch);

}  // namespace slipway
