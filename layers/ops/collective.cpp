#include "layers/ops/collective.h"

#include "kernels/memory.h"
#include "layers/ops/ordered_sum.h"

namespace slipway {
namespace {

void copy_unless_in_place(const OpContext& context) {
  const TensorView &x = context.input(0), &y = context.output();
  if (x.data != y.data) copy_bytes(context.stream, {.from = x.data, .to = y.data, .bytes = x.type.bytes()});
}

std::vector<ValueType> same_type(const Op& op, std::span<const ValueType> inputs) {
  expect_inputs(op, inputs, 1);
  return {{inputs[0].dtype, inputs[0].shape}};
}

}  // namespace

std::vector<ValueType> AllReduce::infer(std::span<const ValueType> inputs) const {
  return same_type(*this, inputs);
}

void AllReduce::run(OpContext& context) const {
  copy_unless_in_place(context);
  ranks_->all_reduce(context.stream, context.output(), phase_);
}

std::vector<ValueType> StartReduction::infer(std::span<const ValueType> inputs) const {
  return same_type(*this, inputs);
}

void StartReduction::run(OpContext& context) const {
  copy_unless_in_place(context);
  if (reduction_ == Reduction::all_reduce)
    ranks_->start_all_reduce(context.stream, context.output(), phase_);
  else
    ranks_->start_reduce_scatter(context.stream, context.output(), phase_);
}

std::vector<ValueType> FinishReduction::infer(std::span<const ValueType> inputs) const {
  return same_type(*this, inputs);
}

void FinishReduction::run(OpContext& context) const { ranks_->wait(context.stream, context.output()); }

std::vector<ValueType> GatherSlices::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 1);
  expect_rank(*this, inputs, 0, 1);
  std::int64_t end = 0;
  for (const Range& range : ranges_) {
    require(range.begin >= end && range.begin <= range.end && range.end <= inputs[0].elements() &&
                (range.end - range.begin) % ranks_->size() == 0,
            name(), ": range [", range.begin, ", ", range.end, ") is not in order within ", inputs[0],
            ", or not of ", ranks_->size(), " equal slices");
    end = range.end;
  }
  return {inputs[0]};
}

void GatherSlices::run(OpContext& context) const {
  const TensorView& x = context.output();
  const auto view = [&](std::int64_t begin, std::int64_t elements) {
    return TensorView{x.data + static_cast<std::size_t>(begin) * size_of(x.dtype()),
                      {x.dtype(), Shape{elements}},
                      x.device};
  };
  for (const Range& range : ranges_) {
    const std::int64_t elements = range.end - range.begin, slice = elements / ranks_->size();
    ranks_->start_all_gather(
        context.stream,
        {.part = view(range.begin + ranks_->rank() * slice, slice), .all = view(range.begin, elements)},
        phase_);
  }
  for (const Range& range : ranges_) ranks_->wait(context.stream, view(range.begin, range.end - range.begin));
}

std::vector<ValueType> GatherParts::infer(std::span<const ValueType> inputs) const {
  if (inputs.size() != 1) expect_inputs(*this, inputs, static_cast<std::size_t>(rank_parts_));
  for (const ValueType& type : inputs)
    require(type == inputs[0], name(), ": parts bring ", inputs[0], " and ", type);
  return {{inputs[0].dtype, inputs[0].shape.inserted(0, std::int64_t{ranks_->size()} * rank_parts_)}};
}

std::unique_ptr<OpState> GatherParts::prepare(PrepareContext& context) const {
  expect_inputs(*this, context.inputs, static_cast<std::size_t>(rank_parts_));  // they have been joined
  if (rank_parts_ > 1) context.scratch_bytes = context.inputs[0].bytes() * context.inputs.size();
  return nullptr;
}

void GatherParts::run(OpContext& context) const {
  TensorView own = context.input(0), all = context.output();
  const Shape& shape = own.shape();
  if (rank_parts_ > 1) {
    const std::size_t bytes = own.type.bytes();
    own = {context.scratch, {own.dtype(), shape.inserted(0, rank_parts_)}, own.device};
    for (std::size_t i = 0; i < context.inputs.size(); ++i)
      copy_bytes(context.stream,
                 {.from = context.inputs[i].data, .to = own.data + i * bytes, .bytes = bytes});
  }
  all.type = {own.dtype(), own.shape().inserted(0, ranks_->size())};
  ranks_->all_gather(context.stream, {.part = own, .all = all}, phase_);
}

OpPtr sum_over_parts(const BatchShard& shard, const std::string& phase) {
  if (shard.parts == BatchShard::Parts::fixed) return std::make_shared<OrderedSum>(shard, phase);
  return std::make_shared<AllReduce>(shard.ranks, phase);
}

}  // namespace slipway
