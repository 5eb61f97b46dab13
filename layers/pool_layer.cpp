#include "layers/pool_layer.h"

namespace slipway {

void PoolLayer::window_fields(FieldVisitor& visit) {
  kernel_.field(visit, "kernel",
                {.help = "size of the window; [height, width] if not square",
                 .required = true,
                 .positional = true,
                 .min = 1});
  stride_.field(visit, "stride", {.help = "steps of the window; by default its size", .min = 1});
  padding_.field(
      visit,
      "rows and columns around the image, at most half of the window: one number, [height, width], "
      "[top, left, bottom, right], or `same`: output size = ceil(input size / stride)");
}

void PoolLayer::check(ConfigErrors& errors) const {
  kernel_.check(*this, kind_ + ": kernel", errors);
  stride_.check(*this, kind_ + ": stride", errors);
  padding_.check(errors);
}

Pool2dOptions PoolLayer::options(const Scope& scope, Value input) const {
  expect_rank(scope, input, 4, kImages);
  Pool2dOptions options{.kernel = kernel_.value()};
  options.window.stride = stride_.empty() ? options.kernel : stride_.value();
  padding_.apply(options.window, options.kernel, scope.shape(input));
  return options;
}

}  // namespace slipway
