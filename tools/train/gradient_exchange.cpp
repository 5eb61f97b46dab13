#include "tools/train/gradient_exchange.h"

#include <utility>

#include "layers/ops/cast.h"
#include "layers/ops/ordered_sum.h"
#include "layers/ops/pack.h"

namespace slipway {
namespace {

Value cast_unless(Graph& graph, Value value, DType dtype) {
  return graph.type(value).dtype == dtype ? value : graph.add(Cast(dtype), {value}, kGradients);
}

}  // namespace

std::vector<GradientBucket> gradient_buckets(const VariableArena& arena) {
  const std::int64_t least = kBucketBytes / static_cast<std::int64_t>(size_of(arena.dtype));
  std::vector<GradientBucket> buckets;
  for (std::size_t i = 0; i < arena.members.size(); ++i) {
    const std::int64_t begin = arena.members[i].offset;
    const std::int64_t end = i + 1 < arena.members.size() ? arena.members[i + 1].offset : arena.elements;
    if (buckets.empty() || buckets.back().elements >= least)
      buckets.push_back({.begin = i, .end = i, .offset = begin, .elements = 0});
    buckets.back().end = i + 1;
    buckets.back().elements += end - begin;
  }
  return buckets;
}

void make_buckets_divisible(VariableArena& arena, std::int64_t slices) {
  const std::int64_t unit = slices * VariableArena::kAlignment;
  std::int64_t moved = 0;
  for (const GradientBucket& bucket : gradient_buckets(arena)) {
    for (std::size_t i = bucket.begin; i < bucket.end; ++i) arena.members[i].offset += moved;
    moved += (bucket.elements + unit - 1) / unit * unit - bucket.elements;
  }
  arena.elements += moved;
}

Value pack_gradients(Graph& graph, const VariableArena& arena, const Gradients& gradients) {
  std::vector<std::int64_t> offsets;
  for (const VariableArena::Member& member : arena.members) offsets.push_back(member.offset);
  return graph.add(Pack(arena.dtype, offsets, arena.elements), gradients, kGradients);
}

GradientExchange::GradientExchange(const VariableArena& arena, const BatchShard& shard, DType wire)
    : arena_(arena), shard_(shard), wire_(wire), buckets_(gradient_buckets(arena)) {}

Value GradientExchange::packed(Graph& graph, const GradientBucket& bucket, const Gradients& gradients) const {
  std::vector<std::int64_t> offsets;
  std::vector<Value> members;
  for (std::size_t i = bucket.begin; i < bucket.end; ++i) {
    offsets.push_back(arena_.members[i].offset - bucket.offset);
    members.push_back(gradients[i]);
  }
  return graph.add(Pack(arena_.dtype, offsets, bucket.elements), std::move(members), kGradients);
}

std::vector<Value> GradientExchange::prepare(Graph& graph, const Gradients& part,
                                             const Prepare& prepare) const {
  std::vector<Value> values;
  for (std::size_t i = 0; i < buckets_.size(); ++i)
    values.push_back(prepare(i, packed(graph, buckets_[i], part)));
  return values;
}

Value GradientExchange::sum(Graph& graph, const std::vector<Value>& buckets, Reduction reduction) const {
  std::vector<Value> sums;
  for (const Value bucket : buckets)
    sums.push_back(graph.add(StartReduction(shard_.ranks, reduction, kGradientPhase),
                             {cast_unless(graph, bucket, wire_)}, kGradients));
  for (Value& sum : sums)
    sum = cast_unless(graph, graph.add(FinishReduction(shard_.ranks, reduction), {sum}, kGradients),
                      arena_.dtype);
  return together(graph, std::move(sums));
}

Value GradientExchange::ordered_sum(Graph& graph, const std::vector<Gradients>& parts) const {
  std::vector<std::vector<Value>> started;
  for (const GradientBucket& bucket : buckets_) {
    std::vector<Value> packs;
    for (const Gradients& part : parts) packs.push_back(packed(graph, bucket, part));
    started.push_back(graph.add_all(StartOrderedSum(shard_, kGradientPhase), std::move(packs), kGradients));
  }
  std::vector<Value> sums;
  for (const std::vector<Value>& sent : started)
    sums.push_back(graph.add(FinishOrderedSum(shard_.ranks), sent, kGradients));
  return together(graph, std::move(sums));
}

Value GradientExchange::together(Graph& graph, std::vector<Value> sums) const {
  std::vector<std::int64_t> offsets;
  for (const GradientBucket& bucket : buckets_) offsets.push_back(bucket.offset);
  return graph.add(Pack(arena_.dtype, offsets, arena_.elements), std::move(sums), kGradients);
}

}  // namespace slipway
