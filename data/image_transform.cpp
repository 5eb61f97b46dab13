#include "data/image_transform.h"

namespace slipway {

ImageRegion as_chosen(const Region& region) {
  const auto narrow = [](std::int64_t pixels) { return static_cast<std::int32_t>(pixels); };
  return {.top = narrow(region.top),
          .left = narrow(region.left),
          .height = narrow(region.height),
          .width = narrow(region.width),
          .mirrored_horizontally = 0,
          .mirrored_vertically = 0};
}

ImageRegion whole_image(ImageSize image) { return as_chosen({0, 0, image.height, image.width}); }

void ImageTransform::apply(const Tensor& input, Tensor& output, Mode mode, RandomSequence& random) const {
  const ImageSize image = size_of(input);
  const ImageRegion chosen = choose(image, mode, random);
  const bool mirrors = chosen.mirrored_horizontally || chosen.mirrored_vertically;
  if (!mirrors) {
    resize(input, {chosen.top, chosen.left, chosen.height, chosen.width}, result(image), output);
    return;
  }
  require(effect() == Effect::mirrors && !(chosen.mirrored_horizontally && chosen.mirrored_vertically),
          "an image transform mirrors along one axis, and does nothing else");
  if (chosen.mirrored_horizontally)
    flip_horizontally(input, output);
  else
    flip_vertically(input, output);
}

}  // namespace slipway
