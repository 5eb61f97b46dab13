#pragma once

#include "core/graph/op.h"

namespace slipway {

/// Repeats a value along axes of size 1 and new leading axes, by NumPy's rules; any dtype.
class BroadcastTo : public Op {
 public:
  explicit BroadcastTo(const Shape& shape) : shape_(shape) {}

  std::string_view name() const override { return "broadcast_to"; }
  std::string attributes() const override;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  void to_onnx(OnnxSink& sink) const override;
  InputPrecision input_precision(int) const override { return InputPrecision::follows; }

 private:
  Shape shape_;
};

/// How a row-major value of one shape moves, in elements, along each axis of a shape to which it broadcasts:
/// not at all where it repeats.
Dims broadcast_strides(const Shape& from, const Shape& to);

/// The inverse in gradients: sums a value over the axes along which a value of `shape` was repeated.
Value sum_to(VjpContext& context, Value value, Shape shape);

}  // namespace slipway
