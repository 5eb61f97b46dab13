#include "tools/train/preprocess.h"

#include "layers/ops/channel_affine.h"
#include "layers/ops/one_hot_columns.h"
#include "layers/ops/take_regions.h"

namespace slipway {

Value preprocess(const Scope& scope, Value batch, const std::vector<GraphStep>& steps) {
  const Scope own = scope.child("preprocess");
  const auto affine = [&](Value value, const Affine& step) {
    return own.add(std::make_shared<ChannelAffine>(ChannelAffine::Options{.dtype = scope.dtype(),
                                                                          .axis = step.axis,
                                                                          .scale = step.scale,
                                                                          .shift = step.shift,
                                                                          .fill = step.fill}),
                   {value});
  };
  const auto cast = [&](Value value) {
    return scope.type(value).dtype == scope.dtype() ? value : affine(value, {.scale = {1}, .shift = {0}});
  };
  if (steps.empty()) return is_floating(scope.type(batch).dtype) ? cast(batch) : batch;
  for (const GraphStep& step : steps) {
    if (const auto* scaling = std::get_if<Affine>(&step))
      batch = affine(batch, *scaling);
    else
      batch = own.add(std::make_shared<OneHotColumns>(std::get<OneHot>(step).sizes), {cast(batch)});
  }
  return batch;
}

Value take_regions(const Scope& scope, Value images, Value regions, const std::vector<RegionStep>& steps) {
  const Scope own = scope.child("augment");
  for (std::size_t i = 0; i < steps.size(); ++i) {
    images =
        own.add(std::make_shared<TakeRegions>(TakeRegions::Options{.height = steps[i].size.height,
                                                                   .width = steps[i].size.width,
                                                                   .resamples = steps[i].resamples,
                                                                   .step = static_cast<std::int64_t>(i)}),
                {images, regions});
  }
  return images;
}

}  // namespace slipway
