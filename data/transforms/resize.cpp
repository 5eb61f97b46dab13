#include <cmath>
#include <optional>

#include "data/image_transform.h"

namespace slipway {
namespace {

class Resize : public ImageTransform {
 public:
  std::vector<std::int64_t> size;
  std::optional<std::int64_t> shorter_side;

  void fields(FieldVisitor& visit) override {
    visit.field("size", size,
                {.help = "height and width, or one number for both; the aspect ratio is not kept",
                 .positional = true,
                 .min = 1});
    visit.field("shorter_side", shorter_side,
                {.help = "size of the shorter side; the aspect ratio is kept", .min = 1});
    feature_field(visit);
  }

  void check(ConfigErrors& errors) const override {
    if (size.empty() == !shorter_side) errors.add(where, "resize: expected either size or shorter_side");
  }

  Feature bind(const Feature& input) override {
    check_image(input);
    Feature output = input;
    if (!size.empty()) {
      image_size(size, "resize");
    } else {
      image_size({*shorter_side}, "resize");
    }
    const bool known = !size.empty() || input.is_fixed();
    const ImageSize target = known ? target_of({input.shape[1], input.shape[2]}) : ImageSize{-1, -1};
    output.shape = {input.shape[0], target.height, target.width};
    return output;
  }

  Effect effect() const override { return Effect::resamples; }
  ImageSize result(ImageSize image) const override { return target_of(image); }
  ImageRegion choose(ImageSize image, Mode, RandomSequence&) const override { return whole_image(image); }

  std::optional<SampleStep> outside_training() const override {
    if (shorter_side) return SampleStep{"resize_shorter_side", {*shorter_side}};
    const ImageSize target = image_size(size, "resize");
    return SampleStep{"resize", {target.height, target.width}};
  }

 private:
  ImageSize target_of(ImageSize image) const {
    if (!size.empty()) return image_size(size, "resize");
    const double factor =
        static_cast<double>(*shorter_side) / static_cast<double>(std::min(image.height, image.width));
    const auto scaled = [&](std::int64_t side) {
      return std::max<std::int64_t>(1, std::llround(static_cast<double>(side) * factor));
    };
    return image_size({scaled(image.height), scaled(image.width)}, "resize");
  }
};

const Register<Transform, Resize> registered("resize", "bilinear resampling, without aliasing");

}  // namespace
}  // namespace slipway
