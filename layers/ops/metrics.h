#pragma once

#include "core/graph/op.h"

namespace slipway {

/// (logits [N, C, ...], labels int64 [N, ...]) -> int64[2]: positions whose label is among the k largest
/// logits, positions with a label other than `ignored_label`.
class TopKHits : public Op {
 public:
  TopKHits(std::int64_t k, std::int64_t ignored_label) : k_(k), ignored_label_(ignored_label) {}
  std::string_view name() const override { return "top_k_hits"; }
  std::string attributes() const override { return text("k=", k_); }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;

 private:
  std::int64_t k_;
  std::int64_t ignored_label_;
};

/// (logits [N, C, ...], labels int64 [N, ...]) -> int64[C, C]: how often each label met each prediction.
/// Where the two have one shape, trailing axes of size 1 aside, logits above 0 predict 1 of the two classes 0
/// and 1: int64[2, 2].
class Confusion : public Op {
 public:
  explicit Confusion(std::int64_t ignored_label) : ignored_label_(ignored_label) {}
  std::string_view name() const override { return "confusion"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override;
  void run(OpContext& context) const override;

  /// Whether output and target are decisions between two classes, element by element.
  static bool is_binary(const ValueType& output, const ValueType& target);

 private:
  std::int64_t ignored_label_;
};

/// (x [N, ...], target of that shape, trailing axes of size 1 aside) -> float64[5, elements of a sample]:
/// sums over N of 1, t, t², (x - t)², |x - t|.
class ErrorSums : public Op {
 public:
  std::string_view name() const override { return "error_sums"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
};

}  // namespace slipway
