#pragma once

#include "core/graph/op.h"

namespace slipway {

/// Softmax cross-entropy with the semantics of torch.nn.CrossEntropyLoss(reduction="mean"):
/// (logits [N, C, ...], labels int64 [N, ...], optional class weights [C]) -> (loss [], gradient of the
/// logits). The gradient falls out of the pass that computes the loss; an op made without it (`loss_only`)
/// has one output and no vjp. Where the logits are a part of a batch, the divisor of the mean, the weight of
/// all labels of the batch, is one more input, float64 []: the loss is then what the part contributes. If
/// every label is ignored the loss is NaN, as in PyTorch; so it is if a label is out of range.
class CrossEntropy : public Op {
 public:
  enum class Outputs { loss_and_gradient, loss_only };
  enum class Divisor { own_weight, given };
  struct Options {
    double smoothing = 0;  // [0, 1)
    std::int64_t ignored_label = kNothingIgnored;
    Outputs outputs = Outputs::loss_and_gradient;
    Divisor divisor = Divisor::own_weight;
  };
  static constexpr std::int64_t kNothingIgnored = -100;  // PyTorch's default
  explicit CrossEntropy(const Options& options) : options_(options) {}
  CrossEntropy() : CrossEntropy(Options{}) {}

  std::string_view name() const override { return "cross_entropy"; }
  std::string attributes() const override;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  Cost cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const override;
  std::vector<InPlace> in_place() const override;

 private:
  bool with_divisor() const { return options_.divisor == Divisor::given; }
  bool is_weighted(std::size_t inputs) const { return inputs == 3 + std::size_t{with_divisor()}; }
  bool with_gradient() const { return options_.outputs == Outputs::loss_and_gradient; }
  Options options_;
};

/// What the labels of a batch, or of a part of it, count in a mean cross-entropy: (labels int64 [N, ...],
/// optional class weights [C]) -> the sum of their weights, float64 []. A label that is ignored counts 0, one
/// out of range makes the sum NaN.
class LabelWeight : public Op {
 public:
  struct Options {
    std::int64_t classes = 0;
    std::int64_t ignored_label = CrossEntropy::kNothingIgnored;
  };
  explicit LabelWeight(const Options& options) : options_(options) {}

  std::string_view name() const override { return "label_weight"; }
  std::string attributes() const override;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override;
  void run(OpContext& context) const override;

 private:
  Options options_;
};

}  // namespace slipway
