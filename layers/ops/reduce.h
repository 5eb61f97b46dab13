#pragma once

#include "core/graph/op.h"

namespace slipway {

/// log_sum_exp is log Σ e^x, without overflow.
enum class ReduceFunction { sum, mean, max, log_sum_exp };

/// Sum, mean, maximum or log-sum-exp over some axes of a float32 or float64 value. Additions happen in an
/// order that depends on the shape only.
class Reduce : public Op {
 public:
  enum class Axes { dropped, kept };  // kept: reduced axes have size 1 in the output

  /// No axes: the value as it is.
  Reduce(ReduceFunction function, const Dims& axes, Axes reduced = Axes::dropped)
      : function_(function), axes_(axes), reduced_(reduced) {}
  /// Over all axes, to a scalar.
  static Reduce all(ReduceFunction function, int rank);

  std::string_view name() const override;
  std::string attributes() const override;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  Cost cost(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const override;
  void to_onnx(OnnxSink& sink) const override;

 private:
  ReduceFunction function_;
  Dims axes_;
  Axes reduced_;
};

/// The index of the first maximum along an axis, int64, without that axis. NaN counts as the greatest.
class ArgMax : public Op {
 public:
  explicit ArgMax(int axis) : axis_(axis) {}

  std::string_view name() const override { return "arg_max"; }
  std::string attributes() const override { return text("axis=", axis_); }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext&) const override { return {Value{}}; }
  void to_onnx(OnnxSink& sink) const override;

 private:
  int axis_;
};

}  // namespace slipway
