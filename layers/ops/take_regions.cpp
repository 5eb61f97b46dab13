#include "layers/ops/take_regions.h"

#include "kernels/preprocess.h"

namespace slipway {
namespace {

TakeRegionsArgs sizes(const ValueType& x, const ValueType& regions, const ValueType& y) {
  return {.dtype = x.dtype,
          .stride = regions.shape[1],
          .samples = x.shape[0],
          .channels = x.shape[1],
          .height = x.shape[2],
          .width = x.shape[3],
          .result_height = y.shape[2],
          .result_width = y.shape[3]};
}

}  // namespace

std::string TakeRegions::attributes() const {
  return text("size=[", options_.height, ", ", options_.width, ']', options_.resamples ? " resampled" : "",
              " step=", options_.step);
}

std::vector<ValueType> TakeRegions::infer(std::span<const ValueType> inputs) const {
  expect_inputs(*this, inputs, 2);
  expect_rank(*this, inputs, 0, 4);
  const ValueType &x = inputs[0], &regions = inputs[1];
  require(x.dtype == DType::uint8 || x.dtype == DType::float32, name(),
          ": expects images of uint8 or float32, got ", x);
  require(regions.dtype == DType::int32 && regions.shape.rank() == 3 && regions.shape[0] == x.shape[0] &&
              regions.shape[1] > options_.step && regions.shape[2] == ImageRegion::kNumbers,
          name(), ": expects regions int32[", x.shape[0], ", more than ", options_.step, ", ",
          ImageRegion::kNumbers, "], got ", regions);
  return {ValueType(x.dtype, Shape{x.shape[0], x.shape[1], options_.height, options_.width})};
}

std::unique_ptr<OpState> TakeRegions::prepare(PrepareContext& context) const {
  TakeRegionsArgs args = sizes(context.inputs[0], context.inputs[1], context.outputs[0]);
  args.resamples = options_.resamples;
  context.scratch_bytes = static_cast<std::size_t>(args.scratch_numbers()) * sizeof(std::int32_t);
  return nullptr;
}

void TakeRegions::run(OpContext& context) const {
  const TensorView &x = context.input(0), &regions = context.input(1);
  TakeRegionsArgs args = sizes(x.type, regions.type, context.output().type);
  args.x = x.data;
  args.y = context.output().data;
  args.regions = reinterpret_cast<const ImageRegion*>(regions.data) + options_.step;
  args.resamples = options_.resamples;
  args.scratch = reinterpret_cast<std::int32_t*>(context.scratch);
  take_regions_kernel(context.stream, args);
}

}  // namespace slipway
