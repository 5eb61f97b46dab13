#pragma once

#include "core/graph/op.h"

namespace slipway {

/// (table [rows, width], ids int32 or int64 [...]) -> [..., width]: the row of each id. An id out of range
/// gives NaN, so that the loss shows it; nothing outside the table is read. Gradients add up in the order of
/// positions.
class Embedding : public Op {
 public:
  static constexpr std::int64_t kNoPadding = -1;
  /// The row `padding` gets no gradient.
  explicit Embedding(std::int64_t padding = kNoPadding) : padding_(padding) {}

  std::string_view name() const override { return "embedding"; }
  std::string attributes() const override { return padding_ == kNoPadding ? "" : text("padding=", padding_); }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  void to_onnx(OnnxSink& sink) const override;

 private:
  std::int64_t padding_;
};

}  // namespace slipway
