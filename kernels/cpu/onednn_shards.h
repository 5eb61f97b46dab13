#pragma once

#include <array>
#include <functional>

#include "kernels/cpu/onednn.h"
#include "kernels/cpu/parallel.h"

namespace slipway::cpu {

/// Rounded up to what scratch memory is aligned to.
inline std::size_t align_scratch(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

/// The arguments of one run of a primitive.
struct Pointers {
  std::array<const void*, 4> values;
  std::size_t count;
  operator std::span<const void* const>() const { return {values.data(), count}; }
};

/// A primitive for a part of a batch.
struct ShardOffer {
  onednn::Implementation implementation;
  std::vector<onednn::Argument> arguments;
  dnnl::memory::desc stored_weight;  // where the variable lies; the implementation may want it elsewhere
};

/// One operation on a batch by primitives: one for all threads; in deterministic mode one for each of a fixed
/// number of parts of the batch, run by one thread each, so that no sum depends on the thread count.
class Shards {
 public:
  /// `offer(count)` makes the primitive for `count` rows of the batch. `flops` of the whole says how many
  /// threads are worth their waiting for each other.
  Shards(const Stream& stream, std::int64_t batch, double flops,
         const std::function<std::optional<ShardOffer>(std::int64_t count)>& offer);

  /// Whether there is a primitive for every part.
  bool complete() const { return complete_; }
  std::size_t size() const { return begins_.size(); }
  /// The first row of part i.
  std::int64_t begin(std::size_t i) const { return begins_[i]; }
  /// Of all parts together.
  std::size_t scratch_bytes() const { return shard_scratch_ * begins_.size(); }

  bool packs_weight() const { return !packed_weight_.is_zero(); }
  bool is_reference() const { return is_reference_; }
  const dnnl::memory::desc& stored_weight() const { return stored_weight_; }
  const dnnl::memory::desc& packed_weight() const { return packed_weight_; }

  /// Runs the primitive of each part i on pointers(i).
  template <class PointersOf>
  void run(std::byte* scratch, PointersOf&& pointers) {
    const onednn::ThreadCount threads(size() == 1 ? threads_ : 1);
    const Stream stream{.threads = size() == 1 ? 1 : threads_};
    parallel_each(stream, static_cast<std::int64_t>(size()), [&](std::int64_t i) {
      const auto k = static_cast<std::size_t>(i);
      primitives_[k].run(pointers(k), scratch + k * shard_scratch_);
    });
  }

 private:
  int threads_;
  std::vector<std::int64_t> begins_;
  std::vector<onednn::Primitive> primitives_;
  std::size_t shard_scratch_ = 0;
  dnnl::memory::desc stored_weight_, packed_weight_;
  bool complete_ = false;
  bool is_reference_ = false;
};

/// Moves a weight between the layout of the variable and the one that a primitive works on: part of the
/// primitive's own work, as packing is in a matrix product.
class WeightPacking {
 public:
  enum class Direction { pack, unpack };
  WeightPacking(const Stream& stream, const Shards& shards, Direction direction);

  bool needed() const { return static_cast<bool>(reorder_); }
  std::size_t packed_bytes() const { return bytes_; }
  std::size_t scratch_bytes() const { return reorder_ ? align_scratch(reorder_.scratch_bytes()) : 0; }
  void run(const void* from, void* to, std::byte* scratch);
  /// The weight as the primitive wants it: itself, or packed into `to`.
  const void* pack(const void* weight, void* to, std::byte* scratch) {
    if (!needed()) return weight;
    run(weight, to, scratch);
    return to;
  }

 private:
  int threads_;
  std::size_t bytes_ = 0;
  onednn::Primitive reorder_;
};

/// A weight's gradient and perhaps a bias's by shards: where each part writes, and their sum in order.
class GradientSum {
 public:
  GradientSum(const Stream& stream, const Shards& shards, const ValueType& weight, bool has_bias);

  std::size_t scratch_bytes() const;
  struct Targets {
    void* weight;
    void* bias;
  };
  /// Where part i writes its gradients.
  Targets targets(std::size_t i, const Targets& results, std::byte* scratch) const;
  /// Sums the parts into the results, after all have run. `rest` is scratch behind scratch_bytes().
  void finish(const Stream& stream, const Targets& results, std::byte* scratch, std::byte* rest);
  std::size_t rest_bytes() const { return packing_.scratch_bytes(); }

 private:
  void add_parts(const Stream& stream, const std::byte* parts, std::size_t bytes, void* sum) const;

  WeightPacking packing_;
  std::size_t parts_;
  std::size_t weight_bytes_, stored_bytes_, stored_bias_bytes_;
  std::size_t bias_bytes_ = 0;
};

}  // namespace slipway::cpu
