#include "optim/loss_scaling.h"

#include "kernels/binary.h"
#include "kernels/loss_scale.h"
#include "kernels/scale.h"

namespace slipway {
namespace {

const ValueType kFloat(DType::float32, {}), kCount(DType::int64, {});

/// (loss float32[], scale float32[]) -> loss * scale
class ScaleLoss : public Op {
 public:
  std::string_view name() const override { return "scale_loss"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    expect_inputs(*this, inputs, 2);
    require(inputs[0] == kFloat && inputs[1] == kFloat, name(), ": expects a loss and a scale ", kFloat,
            ", got ", inputs[0], " and ", inputs[1]);
    return {kFloat};
  }
  void run(OpContext& context) const override {
    scale_kernel(context.stream, {.dtype = DType::float32,
                                  .x = context.input(0).data,
                                  .scale = context.input(1).data,
                                  .y = context.output().data,
                                  .count = 1});
  }
  std::vector<Value> vjp(VjpContext& context) const override {
    return {context.add(ScaleLoss(), {context.gradient(), context.input(1)}), Value{}};
  }
};

/// (steps int64[], skipped steps int64[]) -> their difference
class UpdatesDone : public Op {
 public:
  std::string_view name() const override { return "updates_done"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    expect_inputs(*this, inputs, 2);
    require(inputs[0] == kCount && inputs[1] == kCount, name(), ": expects two counts ", kCount, ", got ",
            inputs[0], " and ", inputs[1]);
    return {kCount};
  }
  void run(OpContext& context) const override {
    binary(context.stream, {.function = BinaryFunction::subtract,
                            .dtype = DType::int64,
                            .a = context.input(0).data,
                            .b = context.input(1).data,
                            .y = context.output().data,
                            .shape = {1},
                            .a_strides = {1},
                            .b_strides = {1}});
  }
};

/// (scale, good steps, skipped steps, gradient scale) -> the first three, in place
class AdjustLossScale : public Op {
 public:
  explicit AdjustLossScale(const LossScaling::Options& options) : options_(options) {}
  std::string_view name() const override { return "adjust_loss_scale"; }
  std::string attributes() const override {
    return text("growth=", options_.growth, " backoff=", options_.backoff, " interval=", options_.interval);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    expect_inputs(*this, inputs, 4);
    require(inputs[3] == kFloat, name(), ": expects a gradient scale ", kFloat, ", got ", inputs[3]);
    return {kFloat, kCount, kCount};
  }
  void run(OpContext& context) const override {
    loss_scale_kernel(context.stream, {.gradient_scale = context.input(3).pointer<float>(),
                                       .scale = context.output(0).pointer<float>(),
                                       .good_steps = context.output(1).pointer<std::int64_t>(),
                                       .skipped_steps = context.output(2).pointer<std::int64_t>(),
                                       .growth = options_.growth,
                                       .backoff = options_.backoff,
                                       .interval = options_.interval});
  }
  std::vector<InPlace> in_place() const override {
    constexpr auto kRequired = InPlace::Rule::required;
    return {{.output = 0, .input = 0, .rule = kRequired},
            {.output = 1, .input = 1, .rule = kRequired},
            {.output = 2, .input = 2, .rule = kRequired}};
  }

 private:
  LossScaling::Options options_;
};

Value state(Graph& graph, const char* name, DType dtype, double first) {
  if (const Value known = graph.find(name)) return known;
  return graph.variable(
      {.name = name, .dtype = dtype, .shape = {}, .initialize = [=](const TensorView& view) {
         copy_elements(Tensor::full(dtype, {}, first), view);
       }});
}

}  // namespace

LossScaling::LossScaling(Graph& graph, const Options& options)
    : graph_(graph),
      options_(options),
      scale_(state(graph, kScale, DType::float32, options.initial)),
      good_steps_(state(graph, kGoodSteps, DType::int64, 0)),
      skipped_steps_(state(graph, kSkippedSteps, DType::int64, 0)) {}

Value LossScaling::scaled(Value loss) const { return graph_.add(ScaleLoss(), {loss, scale_}, "loss_scale"); }

Value LossScaling::updates(Value step) const {
  return graph_.add(UpdatesDone(), {step, skipped_steps_}, "loss_scale");
}

void LossScaling::adjust(Value gradient_scale) const {
  const std::vector<Value> adjusted = graph_.add_all(
      AdjustLossScale(options_), {scale_, good_steps_, skipped_steps_, gradient_scale}, "loss_scale");
  graph_.update(scale_, adjusted[0]);
  graph_.update(good_steps_, adjusted[1]);
  graph_.update(skipped_steps_, adjusted[2]);
}

}  // namespace slipway
