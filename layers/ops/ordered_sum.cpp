#include "layers/ops/ordered_sum.h"

#include <algorithm>
#include <bit>

#include "kernels/flat.h"
#include "kernels/memory.h"

namespace slipway {
namespace {

/// Adds values of one type, neighbours first.
class TreeSum {
 public:
  /// `scratch` has scratch_bytes(), of as many values.
  TreeSum(const Stream& stream, const ValueType& type, std::byte* scratch)
      : stream_(stream), type_(type), scratch_(scratch) {}

  static std::size_t scratch_bytes(const ValueType& type, std::size_t values) {
    return values <= 2 ? 0 : static_cast<std::size_t>(std::bit_width(values) - 2) * slot_bytes(type);
  }

  /// `values` are a power of two; `sum` is none of them.
  void run(std::span<const std::byte* const> values, std::byte* sum) const { add(values, sum, scratch_); }

 private:
  static std::size_t slot_bytes(const ValueType& type) { return (type.bytes() + 63) / 64 * 64; }

  void add(std::span<const std::byte* const> values, std::byte* sum, std::byte* free) const {
    const std::size_t half = values.size() / 2;
    if (values.size() <= 2) {
      copy_bytes(stream_, {.from = values[0], .to = sum, .bytes = type_.bytes()});
      if (values.size() == 2) accumulate(sum, values[1]);
      return;
    }
    add(values.first(half), sum, free);
    add(values.subspan(half), free, free + slot_bytes(type_));
    accumulate(sum, free);
  }

  void accumulate(std::byte* sum, const std::byte* x) const {
    const std::int64_t count = type_.layout.extent(type_.shape);
    accumulate_kernel(stream_, {.dtype = type_.dtype, .sum = sum, .x = x, .count = count});
  }

  const Stream& stream_;
  const ValueType& type_;
  std::byte* scratch_;
};

void expect_alike(const Op& op, std::span<const ValueType> inputs) {
  require(inputs[0].dtype == DType::float32 || inputs[0].dtype == DType::float64, op.name(),
          ": expects float32 or float64, got ", inputs[0]);
  for (const ValueType& type : inputs)
    require(type == inputs[0], op.name(), ": parts bring ", inputs[0], " and ", type);
}

void expect_powers_of_two(const Op& op, int ranks, int rank_parts) {
  require(std::has_single_bit(static_cast<unsigned>(ranks)) &&
              std::has_single_bit(static_cast<unsigned>(rank_parts)),
          op.name(), ": expects powers of two, got ", ranks, " ranks of ", rank_parts, " parts");
}

std::vector<const std::byte*> pointers(std::span<const TensorView> views) {
  std::vector<const std::byte*> values;
  for (const TensorView& view : views) values.push_back(view.data);
  return values;
}

/// Of the rows of a value.
std::vector<const std::byte*> rows(const TensorView& all, int count) {
  std::vector<const std::byte*> values;
  const std::size_t bytes = all.type.bytes() / static_cast<std::size_t>(count);
  for (int i = 0; i < count; ++i) values.push_back(all.data + static_cast<std::size_t>(i) * bytes);
  return values;
}

/// A value's memory, whatever its layout.
ValueType flat(const ValueType& type) { return {type.dtype, Shape{type.layout.extent(type.shape)}}; }

}  // namespace

std::vector<ValueType> OrderedSum::infer(std::span<const ValueType> inputs) const {
  if (inputs.size() != 1) expect_inputs(*this, inputs, static_cast<std::size_t>(rank_parts_));
  expect_powers_of_two(*this, ranks_->size(), rank_parts_);
  expect_alike(*this, inputs);
  return {{inputs[0].dtype, inputs[0].shape}};
}

/// Scratch: the sums of all ranks, this rank's, and what adding takes.
std::unique_ptr<OpState> OrderedSum::prepare(PrepareContext& context) const {
  expect_inputs(*this, context.inputs, static_cast<std::size_t>(rank_parts_));  // they have been joined
  const ValueType type = flat(context.inputs[0]);
  const auto ranks = static_cast<std::size_t>(ranks_->size());
  context.scratch_bytes =
      type.bytes() * (ranks + 1) + 64 +
      std::max(TreeSum::scratch_bytes(type, context.inputs.size()), TreeSum::scratch_bytes(type, ranks));
  return nullptr;
}

void OrderedSum::run(OpContext& context) const {
  const ValueType type = flat(context.input(0).type);
  const int ranks = ranks_->size();
  const TensorView all{context.scratch, {type.dtype, Shape{ranks, type.shape[0]}}, context.stream.device};
  const TensorView own{all.data + all.type.bytes(), type, all.device};
  const std::size_t used = (all.type.bytes() + type.bytes() + 63) / 64 * 64;
  const TreeSum sum(context.stream, type, context.scratch + used);
  sum.run(pointers(context.inputs), own.data);
  ranks_->all_gather(context.stream, {.part = own, .all = all}, phase_);
  sum.run(rows(all, ranks), context.output().data);
}

std::vector<ValueType> StartOrderedSum::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, static_cast<std::size_t>(rank_parts_));
  expect_powers_of_two(*this, ranks_->size(), rank_parts_);
  expect_alike(*this, inputs);
  expect_rank(*this, inputs, 0, 1);
  return {{inputs[0].dtype, Shape{ranks_->size(), inputs[0].shape[0]}}, {inputs[0].dtype, inputs[0].shape}};
}

std::unique_ptr<OpState> StartOrderedSum::prepare(PrepareContext& context) const {
  context.scratch_bytes = TreeSum::scratch_bytes(context.inputs[0], context.inputs.size());
  return nullptr;
}

void StartOrderedSum::run(OpContext& context) const {
  const TensorView& own = context.output(1);
  TreeSum(context.stream, own.type, context.scratch).run(pointers(context.inputs), own.data);
  ranks_->start_all_gather(context.stream, {.part = own, .all = context.output()}, phase_);
}

std::vector<ValueType> FinishOrderedSum::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 2);
  expect_rank(*this, inputs, 0, 2);
  return {{inputs[0].dtype, Shape{inputs[0].shape[1]}}};
}

std::unique_ptr<OpState> FinishOrderedSum::prepare(PrepareContext& context) const {
  context.scratch_bytes =
      TreeSum::scratch_bytes(context.outputs[0], static_cast<std::size_t>(ranks_->size()));
  return nullptr;
}

void FinishOrderedSum::run(OpContext& context) const {
  const TensorView &all = context.input(0), &sum = context.output();
  ranks_->wait(context.stream, all);
  TreeSum(context.stream, sum.type, context.scratch).run(rows(all, ranks_->size()), sum.data);
}

}  // namespace slipway
