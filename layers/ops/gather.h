#pragma once

#include "core/graph/op.h"

namespace slipway {

/// (x [..., n, ...], ids int32 or int64 [..., k, ...]) -> [..., k, ...]: along one axis, the elements of x at
/// the ids; all other sizes agree. An id out of range, also a negative one, gives NaN, so that the loss shows
/// it. Gradients add up in the order of positions.
class Gather : public Op {
 public:
  explicit Gather(std::int64_t axis) : axis_(axis) {}

  std::string_view name() const override { return "gather"; }
  std::string attributes() const override { return text("axis=", axis_); }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  void to_onnx(OnnxSink& sink) const override;

 private:
  std::int64_t axis_;
};

/// (x [..., n, ...], ids int32 or int64 [..., k, ...], updates [..., k, ...]) -> x, with each update added at
/// its id along one axis. What meets at one place is added in the order of positions; ids out of range count
/// nowhere.
class ScatterAdd : public Op {
 public:
  explicit ScatterAdd(std::int64_t axis) : axis_(axis) {}

  std::string_view name() const override { return "scatter_add"; }
  std::string attributes() const override { return text("axis=", axis_); }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  void to_onnx(OnnxSink& sink) const override;
  std::vector<InPlace> in_place() const override { return {{.output = 0, .input = 0}}; }

 private:
  std::int64_t axis_;
};

/// x [..., n, ...] -> (values [..., k, ...], indices int64 [..., k, ...]): the k greatest elements along one
/// axis, greatest first. Of equal ones the first comes first; NaN counts as the greatest.
class TopK : public Op {
 public:
  TopK(std::int64_t axis, std::int64_t k) : axis_(axis), k_(k) {}

  std::string_view name() const override { return "top_k"; }
  std::string attributes() const override { return text("axis=", axis_, " k=", k_); }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  void to_onnx(OnnxSink& sink) const override;

 private:
  std::int64_t axis_;
  std::int64_t k_;
};

}  // namespace slipway
