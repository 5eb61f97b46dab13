#include "layers/ops/batch_norm.h"

#include <algorithm>
#include <cmath>

#include "core/graph/onnx_sink.h"
#include "kernels/batch_norm.h"
#include "layers/ops/binary.h"
#include "layers/ops/relu.h"

namespace slipway {
namespace {

constexpr int kResidualInput = 5;

std::string describe(const BatchNormOptions& options) {
  std::string result = text("epsilon=", options.epsilon);
  if (options.residual) result += " residual";
  if (options.activation == Activation::relu) result += " relu";
  if (options.rstd) result += " rstd";
  return result;
}

/// Checks x, scale, shift, mean, variance, residual.
void check_inputs(const Op& op, const BatchNormOptions& options, std::span<const ValueType> inputs) {
  expect_inputs(op, inputs, 5 + std::size_t{options.residual});
  const ValueType& x = inputs[0];
  require(is_floating(x.dtype), op.name(), ": expects a floating-point input, got ", x.dtype);
  require(x.shape.rank() >= 2, op.name(), ": input must be [batch, channels, ...], got ", x);
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    const ValueType expected =
        i == kResidualInput ? ValueType(x.dtype, x.shape) : ValueType(accumulator_of(x.dtype), {x.shape[1]});
    require(inputs[i] == expected, op.name(), ": input ", i, " must be ", expected, ", got ", inputs[i]);
  }
}

/// x and residual come as they are; statistics, scale and shift are the accumulator's.
InputPrecision precision_of(int input) {
  return input == 0 || input == kResidualInput ? InputPrecision::follows : InputPrecision::full;
}

/// The options with a relu or an addition in front of it fused in; none if it cannot be.
std::optional<BatchNormOptions> fused_with(const BatchNormOptions& options, const Op& consumer) {
  if (options.activation != Activation::none) return std::nullopt;
  BatchNormOptions fused = options;
  if (const auto* relu = dynamic_cast<const Relu*>(&consumer); relu && relu->slope() == 0) {
    fused.activation = Activation::relu;
    return fused;
  }
  const auto* binary = dynamic_cast<const Binary*>(&consumer);
  if (!binary || binary->function() != BinaryFunction::add || options.residual) return std::nullopt;
  fused.residual = true;
  return fused;
}

/// (dy, x, scale, mean, rstd or variance) -> dx, dscale, dshift; after fusion with the gradient of a relu
/// behind the normalisation: (dy, y, x, ...).
class BatchNormGradient : public Op {
 public:
  enum class Statistics { of_batch, given };
  BatchNormGradient(Statistics statistics, double epsilon, Activation activation)
      : statistics_(statistics), epsilon_(epsilon), activation_(activation) {}
  std::string_view name() const override { return "batch_norm_gradient"; }
  std::string attributes() const override { return activation_ == Activation::relu ? "relu" : ""; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    expect_inputs(*this, inputs, static_cast<std::size_t>(5 + first()));
    const ValueType channels(accumulator_of(inputs[0].dtype), Shape{inputs[0].shape[1]});
    return {inputs[0], channels, channels};
  }
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override {
    context.scratch_bytes = batch_norm_scratch_bytes(context.stream, context.inputs[0]);
    return nullptr;
  }
  // g = dy (where y > 0), n values a channel: dshift = sum g;  dscale = sum g (x - mean) rstd
  // of the batch: dx = scale rstd (g - dshift / n - (x - mean) rstd dscale / n);  given: dx = scale rstd g
  void run(OpContext& context) const override {
    const bool of_batch = statistics_ == Statistics::of_batch;
    const void* spread = context.input(first() + 4).data;
    const ValueType& x = context.output().type;
    batch_norm_backward(context.stream,
                        {.x_type = x,
                         .dy = context.input(0).data,
                         .y = first() ? context.input(1).data : nullptr,
                         .x = context.input(first() + 1).data,
                         .scale = context.input(first() + 2).data,
                         .mean = context.input(first() + 3).data,
                         .rstd = of_batch ? spread : nullptr,
                         .variance = of_batch ? nullptr : spread,
                         .dx = context.output(0).data,
                         .dscale = context.output(1).data,
                         .dshift = context.output(2).data,
                         .count = of_batch ? x.elements() / std::max<std::int64_t>(1, x.shape[1]) : 0,
                         .epsilon = epsilon_,
                         .scratch = context.scratch});
  }
  std::vector<InPlace> in_place() const override { return {{.output = 0, .input = 0}}; }
  LayoutRule layout_rule() const override { return LayoutRule::channels; }
  OpPtr fuse_producer(const Op& producer, int input) const override {
    if (input != 0 || activation_ != Activation::none || !is_gradient_of_relu(producer)) return nullptr;
    return std::make_shared<BatchNormGradient>(statistics_, epsilon_, Activation::relu);
  }

 private:
  int first() const { return activation_ == Activation::relu ? 1 : 0; }

  Statistics statistics_;
  double epsilon_;
  Activation activation_;
};

std::vector<Value> gradients(VjpContext& context, const BatchNormOptions& options,
                             BatchNormGradient::Statistics statistics, Value mean, Value spread) {
  require(!options.residual && options.activation == Activation::none,
          "batch_norm: gradients are taken before fusion");
  const std::vector<Value> results =
      context.add_all(BatchNormGradient(statistics, options.epsilon, Activation::none),
                      {context.gradient(0), context.input(0), context.input(1), mean, spread});
  return {results[0], results[1], results[2], Value{}, Value{}};
}

}  // namespace

InputPrecision BatchNormTraining::input_precision(int input) const { return precision_of(input); }
InputPrecision BatchNormInference::input_precision(int input) const { return precision_of(input); }

std::string BatchNormTraining::attributes() const { return describe(options_); }

std::vector<ValueType> BatchNormTraining::infer(std::span<const ValueType> inputs) const {
  check_inputs(*this, options_, inputs);
  const ValueType& x = inputs[0];
  require(x.elements() != x.shape[1], name(), ": needs more than one value per channel in training, got ", x);
  const ValueType& channels = inputs[1];
  return {x, channels, channels, channels, channels};
}

std::unique_ptr<OpState> BatchNormTraining::prepare(PrepareContext& context) const {
  context.scratch_bytes = batch_norm_scratch_bytes(context.stream, context.inputs[0]);
  return nullptr;
}

void BatchNormTraining::run(OpContext& context) const {
  batch_norm_training(context.stream,
                      {.x_type = context.input(0).type,
                       .x = context.input(0).data,
                       .scale = context.input(1).data,
                       .shift = context.input(2).data,
                       .residual = options_.residual ? context.input(kResidualInput).data : nullptr,
                       .y = context.output(kY).data,
                       .mean = context.output(kMean).data,
                       .rstd = context.output(kRstd).data,
                       .running_mean = context.output(kRunningMean).data,
                       .running_variance = context.output(kRunningVariance).data,
                       .epsilon = options_.epsilon,
                       .momentum = options_.momentum,
                       .activation = options_.activation,
                       .scratch = context.scratch});
}

std::vector<Value> BatchNormTraining::vjp(VjpContext& context) const {
  if (!context.gradient(kY)) return std::vector<Value>(5);
  return gradients(context, options_, BatchNormGradient::Statistics::of_batch, context.output(kMean),
                   context.output(kRstd));
}

std::optional<Recomputation> BatchNormTraining::recomputation() const {
  using enum Recomputation::Of;
  BatchNormOptions options = options_;
  options.rstd = true;
  Recomputation again{.op = std::make_shared<BatchNormInference>(options),
                      .operands = {{inputs, 0}, {inputs, 1}, {inputs, 2}, {outputs, kMean}, {outputs, kRstd}},
                      .outputs = {kY}};
  if (options_.residual) again.operands.push_back({inputs, kResidualInput});
  return again;
}

std::vector<InPlace> BatchNormTraining::in_place() const {
  std::vector<InPlace> rules{{.output = kRunningMean, .input = 3, .rule = InPlace::Rule::required},
                             {.output = kRunningVariance, .input = 4, .rule = InPlace::Rule::required},
                             {.output = kY, .input = 0}};
  if (options_.residual) rules.push_back({.output = kY, .input = kResidualInput});
  return rules;
}

OpPtr BatchNormTraining::fuse_consumer(int output, const Op& consumer, int) const {
  if (output != kY) return nullptr;
  const auto fused = fused_with(options_, consumer);
  return fused ? std::make_shared<BatchNormTraining>(*fused) : nullptr;
}

std::string BatchNormInference::attributes() const { return describe(options_); }

std::vector<ValueType> BatchNormInference::infer(std::span<const ValueType> inputs) const {
  check_inputs(*this, options_, inputs);
  return {inputs[0]};
}

void BatchNormInference::run(OpContext& context) const {
  batch_norm_inference(context.stream,
                       {.x_type = context.input(0).type,
                        .x = context.input(0).data,
                        .scale = context.input(1).data,
                        .shift = context.input(2).data,
                        .mean = context.input(3).data,
                        .rstd = options_.rstd ? context.input(4).data : nullptr,
                        .variance = options_.rstd ? nullptr : context.input(4).data,
                        .residual = options_.residual ? context.input(kResidualInput).data : nullptr,
                        .y = context.output().data,
                        .epsilon = options_.epsilon,
                        .activation = options_.activation});
}

std::vector<Value> BatchNormInference::vjp(VjpContext& context) const {
  require(!options_.rstd, "batch_norm_inference: gradients are taken before recomputation");
  return gradients(context, options_, BatchNormGradient::Statistics::given, context.input(3),
                   context.input(4));
}

void BatchNormInference::to_onnx(OnnxSink& sink) const {
  const std::vector<std::string> inputs{sink.input(0), sink.input(1), sink.input(2), sink.input(3),
                                        sink.input(4)};
  const std::vector<OnnxAttribute> attributes{
      {"epsilon", options_.epsilon}, {"momentum", 1 - options_.momentum}, {"training_mode", 0}};
  const bool relu = options_.activation == Activation::relu;
  if (!relu && !options_.residual) {
    return sink.emit("BatchNormalization", inputs, {sink.output(0)}, attributes);
  }
  std::string y = sink.node("BatchNormalization", inputs, attributes);
  if (options_.residual) {
    const std::vector<std::string> terms{y, sink.input(kResidualInput)};
    if (!relu) return sink.emit("Add", terms, {sink.output(0)});
    y = sink.node("Add", terms);
  }
  sink.emit("Relu", {y}, {sink.output(0)});
}

std::vector<InPlace> BatchNormInference::in_place() const {
  std::vector<InPlace> rules{{.output = 0, .input = 0}};
  if (options_.residual) rules.push_back({.output = 0, .input = kResidualInput});
  return rules;
}

OpPtr BatchNormInference::fuse_consumer(int, const Op& consumer, int) const {
  const auto fused = fused_with(options_, consumer);
  return fused ? std::make_shared<BatchNormInference>(*fused) : nullptr;
}

// scale (w x + b - mean) rstd + shift = (w scale rstd) x + (b - mean) scale rstd + shift
FoldedWeights fold_batch_norm(const Tensor& weight, const Tensor& bias, const BatchNormStatistics& norm) {
  const std::int64_t out = weight.shape()[0];
  FoldedWeights folded{weight.clone(), Tensor(weight.dtype(), Shape{out})};
  visit_dtype(weight.dtype(), [&]<class T>() {
    if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
      const std::int64_t each = out ? weight.elements() / out : 0;
      for (std::int64_t o = 0; o < out; ++o) {
        const double factor = norm.scale.at({o}) / std::sqrt(norm.variance.at({o}) + norm.epsilon);
        T* row = folded.weight.as<T>().data() + o * each;
        for (std::int64_t i = 0; i < each; ++i) row[i] = static_cast<T>(static_cast<double>(row[i]) * factor);
        const double old = bias.defined() ? bias.at({o}) : 0;
        folded.bias.as<T>()[static_cast<std::size_t>(o)] =
            static_cast<T>((old - norm.mean.at({o})) * factor + norm.shift.at({o}));
      }
    } else {
      throw Error(text("fold_batch_norm: expects float32 or float64, got ", weight.dtype()));
    }
  });
  return folded;
}

}  // namespace slipway
