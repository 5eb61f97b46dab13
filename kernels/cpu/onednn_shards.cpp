#include "kernels/cpu/onednn_shards.h"

namespace slipway::cpu {

Shards::Shards(const Stream& stream, std::int64_t batch, double flops,
               const std::function<std::optional<ShardOffer>(std::int64_t count)>& offer)
    : threads_(threads_worth(stream, flops)) {
  constexpr std::int64_t kParts = 8;
  const std::int64_t parts = stream.deterministic ? std::min(batch, kParts) : 1;
  const onednn::ThreadCount threads(stream.deterministic ? 1 : threads_);
  for (std::int64_t i = 0; i < parts; ++i) {
    const std::int64_t begin = i * batch / parts;
    const std::optional<ShardOffer> found = offer((i + 1) * batch / parts - begin);
    if (!found) return;
    begins_.push_back(begin);
    primitives_.emplace_back(found->implementation, found->arguments);
    shard_scratch_ = std::max(shard_scratch_, align_scratch(primitives_.back().scratch_bytes()));
    is_reference_ = is_reference_ || found->implementation.is_reference();
    const dnnl::memory::desc& wanted = found->implementation.weight;
    if (i > 0 && (wanted == found->stored_weight) == packs_weight()) return;
    if (wanted != found->stored_weight) {
      if (packs_weight() && packed_weight_ != wanted) return;
      stored_weight_ = found->stored_weight;
      packed_weight_ = wanted;
    }
  }
  if (stream.deterministic && parts == 1) threads_ = 1;
  complete_ = true;
}

WeightPacking::WeightPacking(const Stream& stream, const Shards& shards, Direction direction)
    : threads_(stream.threads) {
  if (!shards.packs_weight()) return;
  bytes_ = align_scratch(shards.packed_weight().get_size());
  const onednn::ThreadCount threads(threads_);
  const bool pack = direction == Direction::pack;
  const auto& from = pack ? shards.stored_weight() : shards.packed_weight();
  const auto& to = pack ? shards.packed_weight() : shards.stored_weight();
  const auto implementation = onednn::reorder(from, to);
  require(implementation.has_value(), "oneDNN: offers no reorder of a weight");
  reorder_ = onednn::Primitive(*implementation, {{DNNL_ARG_SRC, from}, {DNNL_ARG_DST, to}});
}

void WeightPacking::run(const void* from, void* to, std::byte* scratch) {
  const onednn::ThreadCount threads(threads_);
  const void* pointers[] = {from, to};
  reorder_.run(pointers, scratch);
}

GradientSum::GradientSum(const Stream& stream, const Shards& shards, const ValueType& weight, bool has_bias)
    : packing_(stream, shards, WeightPacking::Direction::unpack),
      parts_(shards.size()),
      weight_bytes_(packing_.needed() ? packing_.packed_bytes() : align_scratch(weight.bytes())),
      stored_bytes_(weight.bytes()),
      stored_bias_bytes_(has_bias ? static_cast<std::size_t>(weight.shape[0]) * sizeof(float) : 0) {
  bias_bytes_ = align_scratch(stored_bias_bytes_);
}

std::size_t GradientSum::scratch_bytes() const {
  if (parts_ > 1) return parts_ * (weight_bytes_ + bias_bytes_);
  return packing_.needed() ? weight_bytes_ : 0;
}

GradientSum::Targets GradientSum::targets(std::size_t i, const Targets& results, std::byte* scratch) const {
  std::byte* part = scratch + i * (weight_bytes_ + bias_bytes_);
  if (parts_ > 1) return {part, part + weight_bytes_};
  return {packing_.needed() ? part : results.weight, results.bias};
}

void GradientSum::finish(const Stream& stream, const Targets& results, std::byte* scratch, std::byte* rest) {
  if (parts_ > 1) {
    if (packing_.needed())
      add_parts(stream, scratch, packing_.packed_bytes(), scratch);
    else
      add_parts(stream, scratch, stored_bytes_, results.weight);
    if (results.bias) add_parts(stream, scratch + weight_bytes_, stored_bias_bytes_, results.bias);
  }
  if (packing_.needed()) packing_.run(scratch, results.weight, rest);
}

void GradientSum::add_parts(const Stream& stream, const std::byte* parts, std::size_t bytes,
                            void* sum) const {
  const std::size_t distance = weight_bytes_ + bias_bytes_;
  float* total = static_cast<float*>(sum);
  parallel_for(stream, static_cast<std::int64_t>(bytes / sizeof(float)), kParallelGrain,
               [=, this](std::int64_t begin, std::int64_t end) {
                 if (sum != parts) {
                   const auto* first = reinterpret_cast<const float*>(parts);
                   std::copy(first + begin, first + end, total + begin);
                 }
                 for (std::size_t k = 1; k < parts_; ++k) {
                   const auto* part = reinterpret_cast<const float*>(parts + k * distance);
#pragma omp simd
                   for (std::int64_t i = begin; i < end; ++i) total[i] += part[i];
                 }
               });
}

}  // namespace slipway::cpu
