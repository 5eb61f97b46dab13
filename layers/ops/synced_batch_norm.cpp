#include "layers/ops/synced_batch_norm.h"

#include "core/graph/graph.h"
#include "kernels/batch_norm.h"
#include "layers/ops/collective.h"
#include "layers/ops/reshape.h"
#include "layers/ops/slice.h"

namespace slipway {
namespace {

/// (dy, x, mean, variance) -> [2, channels]: of this part's rows, sum dy and sum dy (x - mean) rstd, which
/// are dshift and dscale.
class BatchNormSums : public Op {
 public:
  explicit BatchNormSums(double epsilon) : epsilon_(epsilon) {}
  std::string_view name() const override { return "batch_norm_sums"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    expect_inputs(*this, inputs, 4);
    return {{inputs[2].dtype, Shape{2, inputs[0].shape[1]}}};
  }
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override {
    context.scratch_bytes = batch_norm_scratch_bytes(context.stream, context.inputs[0]);
    return nullptr;
  }
  void run(OpContext& context) const override {
    const TensorView sums = context.output();
    batch_norm_sums(context.stream, {.x_type = context.input(0).type,
                                     .dy = context.input(0).data,
                                     .x = context.input(1).data,
                                     .mean = context.input(2).data,
                                     .variance = context.input(3).data,
                                     .dscale = sums.slice(0, 1, 2).data,
                                     .dshift = sums.data,
                                     .epsilon = epsilon_,
                                     .scratch = context.scratch});
  }
  LayoutRule layout_rule() const override { return LayoutRule::channels; }

 private:
  double epsilon_;
};

/// (dy, x, scale, mean, variance, sums of all ranks [2, channels]) -> dx
class SyncedInputGradient : public Op {
 public:
  SyncedInputGradient(double epsilon, std::int64_t values) : epsilon_(epsilon), values_(values) {}
  std::string_view name() const override { return "synced_batch_norm_gradient"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    expect_inputs(*this, inputs, 6);
    return {{inputs[0].dtype, inputs[0].shape}};
  }
  // dx = scale rstd (dy - dshift / n - (x - mean) rstd dscale / n) with n values a channel in the whole batch
  void run(OpContext& context) const override {
    const TensorView sums = context.input(5);
    batch_norm_input_gradient(context.stream, {.x_type = context.output().type,
                                               .dy = context.input(0).data,
                                               .x = context.input(1).data,
                                               .scale = context.input(2).data,
                                               .mean = context.input(3).data,
                                               .variance = context.input(4).data,
                                               .dx = context.output().data,
                                               .dscale = sums.slice(0, 1, 2).data,
                                               .dshift = sums.data,
                                               .count = values_,
                                               .epsilon = epsilon_});
  }
  std::vector<InPlace> in_place() const override { return {{.output = 0, .input = 0}}; }
  LayoutRule layout_rule() const override { return LayoutRule::channels; }

 private:
  double epsilon_;
  std::int64_t values_;
};

}  // namespace

std::vector<ValueType> BatchMoments::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 1);
  require(is_floating(inputs[0].dtype) && inputs[0].shape.rank() >= 2, name(),
          ": expects a floating-point input [batch, channels, ...], got ", inputs[0]);
  return {{accumulator_of(inputs[0].dtype), Shape{2, inputs[0].shape[1]}}};
}

std::unique_ptr<OpState> BatchMoments::prepare(PrepareContext& context) const {
  context.scratch_bytes = batch_norm_scratch_bytes(context.stream, context.inputs[0]);
  return nullptr;
}

void BatchMoments::run(OpContext& context) const {
  batch_norm_moments(context.stream, {.x_type = context.input(0).type,
                                      .x = context.input(0).data,
                                      .moments = context.output().data,
                                      .scratch = context.scratch});
}

std::string MergeMoments::attributes() const {
  return text("samples=", options_.samples, " pixels=", options_.pixels, " momentum=", options_.momentum);
}

std::vector<ValueType> MergeMoments::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 3);
  const ValueType& moments = inputs[0];
  require((moments.dtype == DType::float32 || moments.dtype == DType::float64) && moments.shape.rank() == 3 &&
              moments.shape[1] == 2,
          name(), ": expects moments [parts, 2, channels], got ", moments);
  const ValueType channels(moments.dtype, Shape{moments.shape[2]});
  for (int i = 1; i < 3; ++i)
    require(inputs[static_cast<std::size_t>(i)] == channels, name(), ": input ", i, " must be ", channels,
            ", got ", inputs[static_cast<std::size_t>(i)]);
  return {channels, channels, channels, channels};
}

void MergeMoments::run(OpContext& context) const {
  const Shape& moments = context.input(0).shape();
  batch_norm_merge(context.stream, {.dtype = context.input(0).dtype(),
                                    .moments = context.input(0).data,
                                    .ranks = static_cast<int>(moments[0]),
                                    .channels = moments[2],
                                    .samples = options_.samples,
                                    .pixels = options_.pixels,
                                    .mean = context.output(kMean).data,
                                    .variance = context.output(kVariance).data,
                                    .running_mean = context.output(kRunningMean).data,
                                    .running_variance = context.output(kRunningVariance).data,
                                    .momentum = options_.momentum});
}

std::vector<InPlace> MergeMoments::in_place() const {
  return {{.output = kRunningMean, .input = 1, .rule = InPlace::Rule::required},
          {.output = kRunningVariance, .input = 2, .rule = InPlace::Rule::required}};
}

std::vector<Value> SyncedBatchNorm::vjp(VjpContext& context) const {
  require(!options().residual && options().activation == Activation::none, name(),
          ": gradients are taken before fusion");
  const Value dy = context.gradient(), x = context.input(0), mean = context.input(3),
              variance = context.input(4);
  const Value own = context.add(BatchNormSums(options().epsilon), {dy, x, mean, variance});
  const Value all = context.add(sum_over_parts(shard_, "the gradient of a batch normalisation"), {own});
  const Value dx = context.add(SyncedInputGradient(options().epsilon, values_),
                               {dy, x, context.input(1), mean, variance, all});
  const std::int64_t channels = context.type(mean).shape[0];
  const auto row = [&](std::int64_t i) {
    return context.add(Reshape({channels}), {context.add(Slice({i, 0}, {i + 1, channels}), {own})});
  };
  return {dx, row(1), row(0), {}, {}};
}

SyncedBatchNormOutputs add_synced_batch_norm(Graph& graph, const BatchShard& shard,
                                             const BatchNormOptions& options,
                                             const std::vector<Value>& inputs, const std::string& name) {
  const Shape& x = graph.type(inputs[0]).shape;
  require(x[0] == shard.size(), "batch_norm: the input has ", x[0], " rows, this part has ", shard.size());
  const std::int64_t pixels = x.elements(2, x.rank());
  const Value own = graph.add(BatchMoments(), {inputs[0]}, name);
  const Value all = graph.add(GatherParts(shard, "the statistics of a batch normalisation"), {own}, name);
  const std::vector<Value> merged =
      graph.add_all(MergeMoments({.samples = shard.samples, .pixels = pixels, .momentum = options.momentum}),
                    {all, inputs[3], inputs[4]}, name);
  const Value y = graph.add(
      SyncedBatchNorm(options, shard, shard.samples * pixels),
      {inputs[0], inputs[1], inputs[2], merged[MergeMoments::kMean], merged[MergeMoments::kVariance]}, name);
  return {y, merged[MergeMoments::kRunningMean], merged[MergeMoments::kRunningVariance]};
}

}  // namespace slipway
