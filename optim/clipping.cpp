#include "optim/clipping.h"

#include "kernels/flat.h"

namespace slipway {
namespace {

/// (gradients [N], loss float32[] and loss scale float32[] if there are such) -> (norm float32[], factor
/// float32[])
class ClipFactor : public Op {
 public:
  explicit ClipFactor(const ClipOptions& options)
      : scale_(options.scale),
        max_norm_(options.max_norm),
        loss_(options.loss ? 1 : 0),
        loss_scale_(options.loss_scale ? 1 + loss_ : 0) {}
  std::string_view name() const override { return "clip_factor"; }
  std::string attributes() const override { return text("scale=", scale_, " max_norm=", max_norm_); }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    expect_inputs(*this, inputs, 1 + std::size_t{loss_ > 0} + std::size_t{loss_scale_ > 0});
    for (const ValueType& factor : inputs.subspan(1)) {
      require(factor == ValueType(DType::float32, {}), name(),
              ": expects a loss and a loss scale float32[], got ", factor);
    }
    require(is_floating(inputs[0].dtype), name(), ": expects floating-point gradients, got ", inputs[0]);
    return {{DType::float32, {}}, {DType::float32, {}}};
  }
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override {
    context.scratch_bytes = static_cast<std::size_t>(ClipFactorArgs::kParts) * sizeof(double);
    return nullptr;
  }
  void run(OpContext& context) const override {
    const TensorView& x = context.input(0);
    clip_factor_kernel(context.stream,
                       {.dtype = x.dtype(),
                        .x = x.data,
                        .count = x.elements(),
                        .scale = scale_,
                        .max_norm = max_norm_,
                        .loss = loss_ ? context.input(loss_).pointer<float>() : nullptr,
                        .loss_scale = loss_scale_ ? context.input(loss_scale_).pointer<float>() : nullptr,
                        .norm = context.output(0).pointer<float>(),
                        .factor = context.output(1).pointer<float>(),
                        .partial = reinterpret_cast<double*>(context.scratch)});
  }
  Cost cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const override {
    Cost cost = Op::cost(inputs, outputs);
    cost.flops = 2 * static_cast<double>(inputs[0].elements());
    return cost;
  }

 private:
  double scale_;
  double max_norm_;
  int loss_, loss_scale_;  // which inputs they are; 0: none
};

}  // namespace

ClippedGradient clip_by_norm(Graph& graph, Value gradients, const ClipOptions& options) {
  std::vector<Value> inputs = {gradients};
  if (options.loss) inputs.push_back(options.loss);
  if (options.loss_scale) inputs.push_back(options.loss_scale);
  const std::vector<Value> out = graph.add_all(ClipFactor(options), inputs, "clipping");
  return {.norm = out[0], .scale = out[1]};
}

}  // namespace slipway
