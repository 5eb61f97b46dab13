#pragma once

#include "core/graph/op.h"
#include "kernels/activation.h"

namespace slipway {

struct BatchNormOptions {
  double epsilon = 1e-5;
  double momentum = 0.1;  // of the running statistics; training only
  /// Set by fusion: y = activation(normalised + residual).
  bool residual = false;
  Activation activation = Activation::none;
  /// Set by recomputation: BatchNormInference reads 1 / sqrt(variance + epsilon) in place of the variance.
  bool rstd = false;
};

/// Batch normalisation over every axis but axis 1, by the statistics of the batch (Ioffe and Szegedy, 2015):
///   inputs  x [batch, channels, ...], scale, shift, running mean, running variance [channels], and residual
///           like x if options.residual
///   outputs y like x, mean and rstd of the batch [channels], and the updated running statistics, which are
///           the inputs' memory: they are to be made updates of their variables.
/// The running variance takes the unbiased variance, as in PyTorch. float32, float64; cuda: also
/// float16, bfloat16, with everything but x, residual and y in float32.
class BatchNormTraining : public Op {
 public:
  explicit BatchNormTraining(const BatchNormOptions& options) : options_(options) {}

  enum Output { kY, kMean, kRstd, kRunningMean, kRunningVariance };

  std::string_view name() const override { return "batch_norm"; }
  std::string attributes() const override;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  /// y alone, by the mean and rstd of the first time: the running statistics change once.
  std::optional<Recomputation> recomputation() const override;
  std::vector<InPlace> in_place() const override;
  LayoutRule layout_rule() const override { return LayoutRule::channels; }
  OpPtr fuse_consumer(int output, const Op& consumer, int input) const override;
  InputPrecision input_precision(int input) const override;

 private:
  BatchNormOptions options_;
};

/// The same by given statistics: inputs x, scale, shift, mean, variance (or rstd if options.rstd), and
/// residual if options.residual.
class BatchNormInference : public Op {
 public:
  explicit BatchNormInference(const BatchNormOptions& options) : options_(options) {}
  const BatchNormOptions& options() const { return options_; }

  std::string_view name() const override { return "batch_norm_inference"; }
  std::string attributes() const override;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  void to_onnx(OnnxSink& sink) const override;
  std::vector<InPlace> in_place() const override;
  LayoutRule layout_rule() const override { return LayoutRule::channels; }
  OpPtr fuse_consumer(int output, const Op& consumer, int input) const override;
  InputPrecision input_precision(int input) const override;

 private:
  BatchNormOptions options_;
};

/// The weight [out, ...] and bias [out] of a convolution or linear layer that computes the same as that layer
/// followed by batch normalisation with given statistics. `bias` may be undefined. Row-major host tensors.
struct FoldedWeights {
  Tensor weight, bias;
};
struct BatchNormStatistics {
  Tensor scale, shift, mean, variance;  // [out]
  double epsilon = 1e-5;
};
FoldedWeights fold_batch_norm(const Tensor& weight, const Tensor& bias, const BatchNormStatistics& norm);

}  // namespace slipway
