#pragma once

#include "core/graph/op.h"
#include "core/graph/shared_producer.h"

namespace slipway {

/// Normalises over the axes from `axis` (counted from the end if negative) to the last:
/// (x [outer..., width...], scale [width...] if any, shift [width...] if any) -> (y, mean [outer...], rstd
/// [outer...]). The second and third output serve the gradient. Scale, shift, mean and rstd are of the
/// accumulator of x's dtype. Fusion absorbs a sum before it, x + residual in place of x: then there are two
/// inputs (x, residual, ...), and the sum is a fourth output if it is read.
class LayerNorm : public Op, public FusesSharedProducer {
 public:
  enum class Residual { none, added, added_and_kept };
  struct Options {
    std::int64_t axis = -1;
    double epsilon = 1e-5;
    bool scale = true;
    bool shift = true;
    Residual residual = Residual::none;
  };
  explicit LayerNorm(const Options& options) : options_(options) {}

  std::string_view name() const override { return "layer_norm"; }
  std::string attributes() const override;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  Cost cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const override;
  void to_onnx(OnnxSink& sink) const override;
  std::vector<InPlace> in_place() const override;
  InputPrecision input_precision(int input) const override {
    return input < scale_input() ? InputPrecision::follows : InputPrecision::full;
  }
  OpPtr fuse_producer(const Op& producer, int input) const override;
  OpPtr fuse_shared_producer(const Op& producer, int input) const override;

 private:
  bool has_residual() const { return options_.residual != Residual::none; }
  int scale_input() const { return has_residual() ? 2 : 1; }
  int shift_input() const { return scale_input() + (options_.scale ? 1 : 0); }
  OpPtr with_residual(const Op& producer, int input, Residual residual) const;
  int axis(const Shape& shape) const { return normalize_axis(options_.axis, shape.rank(), "layer_norm"); }
  Options options_;
};

}  // namespace slipway
