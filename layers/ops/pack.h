#pragma once

#include "core/graph/op.h"

namespace slipway {

/// Puts the memory of its inputs side by side into one flat value, such as the gradients of all parameters
/// into an arena. The planner lets the inputs' producers write there at once; what lies there already is not
/// copied. Gaps are zeroed.
class Pack : public Op {
 public:
  /// Input i starts at element offsets[i]; offsets ascend and end before `elements`. Input i is taken in
  /// layouts[i], or as it arrives if `layouts` is empty; blocked padding is part of its memory.
  Pack(DType dtype, std::vector<std::int64_t> offsets, std::int64_t elements,
       std::vector<Layout> layouts = {})
      : dtype_(dtype), offsets_(std::move(offsets)), elements_(elements), layouts_(std::move(layouts)) {}

  std::string_view name() const override { return "pack"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override;
  void run(OpContext& context) const override;
  LayoutRule layout_rule() const override { return LayoutRule::chosen; }
  LayoutChoice choose_layouts(const Stream& stream, std::span<const ValueType> inputs,
                              std::span<const ValueType> outputs) const override;
  std::vector<std::size_t> packing_offsets() const override;

 private:
  std::int64_t end_of(std::size_t i) const { return i + 1 < offsets_.size() ? offsets_[i + 1] : elements_; }

  DType dtype_;
  std::vector<std::int64_t> offsets_;
  std::int64_t elements_;
  std::vector<Layout> layouts_;
};

}  // namespace slipway
