#include "tools/train/state_shards.h"

#include <utility>

#include "layers/ops/collective.h"
#include "layers/ops/pack.h"
#include "layers/ops/slice.h"

namespace slipway {
namespace {

constexpr const char* kPhase = "the optimizer's state";

}  // namespace

StateShards::StateShards(Communicator& ranks, const VariableArena& arena)
    : ranks_(ranks), arena_(arena), buckets_(gradient_buckets(arena)) {
  for (const GradientBucket& bucket : buckets_) {
    require(bucket.elements % ranks.size() == 0, "a bucket of ", bucket.elements,
            " elements cannot be divided among ", ranks.size(), " ranks");
    const std::int64_t slice = bucket.elements / ranks.size();
    const std::int64_t begin = bucket.offset + ranks.rank() * slice;
    ranges_.push_back({.begin = begin, .end = begin + slice});
    elements_ += slice;
  }
}

Value StateShards::take(Graph& graph, Value flat) const {
  std::vector<Value> slices;
  std::vector<std::int64_t> offsets;
  std::int64_t offset = 0;
  for (const UpdateRange& range : ranges_) {
    slices.push_back(graph.add(Slice({range.begin}, {range.end}), {flat}, kGradients));
    offsets.push_back(offset);
    offset += range.end - range.begin;
  }
  return graph.add(Pack(arena_.dtype, offsets, elements_), std::move(slices), kGradients);
}

void StateShards::gather_parameters(Graph& graph, Value parameters) const {
  std::vector<GatherSlices::Range> ranges;
  for (const GradientBucket& bucket : buckets_)
    ranges.push_back({.begin = bucket.offset, .end = bucket.offset + bucket.elements});
  graph.update(parameters,
               graph.add(GatherSlices(ranks_, ranges, "the parameters"), {parameters}, arena_.name));
}

Tensor StateShards::whole(const Stream& stream, const Tensor& part) const {
  synchronize(stream);
  const Tensor own = part.to(Device{});
  Tensor whole;
  if (ranks_.rank() == 0) whole = Tensor(arena_.dtype, Shape{arena_.elements});
  std::int64_t offset = 0;
  for (const GradientBucket& bucket : buckets_) {
    const std::int64_t slice = bucket.elements / ranks_.size();
    const Tensor all = whole.defined() ? whole.slice(0, bucket.offset, bucket.offset + bucket.elements)
                                       : Tensor(arena_.dtype, Shape{bucket.elements});
    ranks_.all_gather({}, {.part = own.slice(0, offset, offset + slice), .all = all}, kPhase);
    offset += slice;
  }
  return whole;
}

void StateShards::divide(const Stream& stream, const Tensor& whole, const Tensor& part) const {
  const Tensor own(part.type());
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    const GradientBucket& bucket = buckets_[i];
    const Tensor all = ranks_.rank() == 0 ? whole.slice(0, bucket.offset, bucket.offset + bucket.elements)
                                          : Tensor(arena_.dtype, Shape{bucket.elements});
    ranks_.broadcast({}, {.values = all}, kPhase);
    const std::int64_t begin = ranges_[i].begin - bucket.offset, end = ranges_[i].end - bucket.offset;
    copy_elements(all.slice(0, begin, end), own.slice(0, offset, offset + end - begin));
    offset += end - begin;
  }
  enqueue_copy(stream, own, part);
}

}  // namespace slipway
