#include "layers/ops/conv2d.h"

#include "layers/initializer.h"
#include "layers/layer.h"
#include "layers/window_settings.h"

namespace slipway {
namespace {

class Conv2dLayer : public Layer {
 public:
  void settings(FieldVisitor& visit) override {
    visit.field("filters", filters_,
                {.help = "channels of the output", .required = true, .positional = true, .min = 1});
    kernel_.field(visit, "kernel", {.help = "size of the window; [height, width] if not square", .min = 1});
    stride_.field(visit, "stride", {.help = "steps of the window", .min = 1});
    padding_.field(visit,
                   "rows and columns of zeros around the image: one number, [height, width], [top, left, "
                   "bottom, right], or `same`: output size = ceil(input size / stride)");
    dilation_.field(visit, "dilation", {.help = "distance of the window's elements", .min = 1});
    visit.field(
        "groups", groups_,
        {.help = "groups of channels convolved separately; as many as channels: depthwise", .min = 1});
    affine_.fields(visit);
  }
  void check(ConfigErrors& errors) const override {
    kernel_.check(*this, "conv2d: kernel", errors);
    stride_.check(*this, "conv2d: stride", errors);
    dilation_.check(*this, "conv2d: dilation", errors);
    padding_.check(errors);
    if (filters_ % groups_ != 0)
      errors.add(where, text("conv2d: ", filters_, " filters do not divide into ", groups_, " groups"));
  }
  Value build(const Scope& scope, Value input) const override {
    expect_rank(scope, input, 4, kImages);
    const Shape& x = scope.shape(input);
    const std::int64_t channels = x[1];
    require(channels % groups_ == 0, "input has ", channels, " channels, expected a multiple of ", groups_,
            ", the groups");
    const auto kernel = kernel_.value();
    Conv2dOptions options{.window = {.stride = stride_.value(), .dilation = dilation_.value()},
                          .groups = groups_,
                          .bias = affine_.has_bias()};
    padding_.apply(options.window, kernel, x);
    std::vector<Value> inputs =
        affine_.parameters(scope, {filters_, channels / groups_, kernel[0], kernel[1]});
    inputs.insert(inputs.begin(), input);
    return scope.add(std::make_shared<Conv2d>(options), std::move(inputs));
  }

 private:
  std::int64_t filters_ = 0;
  SpatialSetting kernel_{3};
  SpatialSetting stride_{1};
  PaddingSetting padding_;
  SpatialSetting dilation_{1};
  std::int64_t groups_ = 1;
  WeightAndBias affine_;
};

const Register<Layer, Conv2dLayer> registered(
    "conv2d",
    "convolution: [batch, channels, height, width] -> [batch, filters, output height, output width]");

}  // namespace
}  // namespace slipway
