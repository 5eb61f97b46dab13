#pragma once

#include "core/graph/op.h"

namespace slipway {

/// Of each image of x [batch, channels, height, width], uint8 or float32, the region that regions [batch,
/// steps, ImageRegion::kNumbers] (int32) names at one step: y [batch, channels, result height, result width].
/// Augmentation in front of a model: no gradient, no ONNX form.
class TakeRegions : public Op {
 public:
  struct Options {
    std::int64_t height, width;  // of the results
    bool resamples = false;      // regions within the image of any size; else of the results' size, anywhere
    std::int64_t step = 0;
  };
  explicit TakeRegions(const Options& options) : options_(options) {}

  std::string_view name() const override { return "take_regions"; }
  std::string attributes() const override;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override;
  void run(OpContext& context) const override;
  std::vector<Value> vjp(VjpContext&) const override { return {Value{}, Value{}}; }

 private:
  Options options_;
};

}  // namespace slipway
