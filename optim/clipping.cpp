#include "optim/clipping.h"

#include "kernels/flat.h"

namespace slipway {
namespace {

/// (gradients [N], loss float32[] if there is one) -> (norm float32[], factor float32[])
class ClipFactor : public Op {
 public:
  ClipFactor(double scale, double max_norm) : scale_(scale), max_norm_(max_norm) {}
  std::string_view name() const override { return "clip_factor"; }
  std::string attributes() const override { return text("scale=", scale_, " max_norm=", max_norm_); }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    expect_inputs(*this, inputs, inputs.size() == 2 ? 2 : 1);
    require(inputs.size() == 1 || inputs[1] == ValueType(DType::float32, {}), name(),
            ": expects a loss float32[], got ", inputs.back());
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
                        .loss = context.inputs.size() == 2 ? context.input(1).pointer<float>() : nullptr,
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
};

}  // namespace

ClippedGradient clip_by_norm(Graph& graph, Value gradients, const ClipOptions& options) {
  std::vector<Value> inputs = {gradients};
  if (options.loss) inputs.push_back(options.loss);
  const std::vector<Value> out =
      graph.add_all(ClipFactor(options.scale, options.max_norm), inputs, "clipping");
  return {.norm = out[0], .scale = out[1]};
}

}  // namespace slipway
