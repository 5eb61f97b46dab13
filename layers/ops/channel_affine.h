#pragma once

#include "core/graph/op.h"

namespace slipway {

/// y = x * scale[c] + shift[c] in `dtype`, c the index along `axis`; where x is NaN and fill[c] is not, x is
/// fill[c] first. x: any dtype but bool. Preprocessing that is part of a model: no gradient with respect to
/// x.
class ChannelAffine : public Op {
 public:
  struct Options {
    DType dtype = DType::float32;
    int axis = 1;
    std::vector<double> scale;  // one a channel, or one for all
    std::vector<double> shift;  // as many as scale
    std::vector<double> fill;   // as many as scale, or none
  };
  explicit ChannelAffine(Options options);

  std::string_view name() const override { return "channel_affine"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext& context) const override;
  void to_onnx(OnnxSink& sink) const override;

 private:
  bool per_channel() const { return options_.scale.size() > 1; }
  Tensor constant(const std::vector<double>& values, const Shape& input) const;

  Options options_;
};

}  // namespace slipway
