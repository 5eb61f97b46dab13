#include "data/image_transform.h"

namespace slipway {
namespace {

class Flip : public ImageTransform {
 public:
  double probability = 0.5;

  void fields(FieldVisitor& visit) override {
    visit.field("probability", probability,
                {.help = "of a flip, in training", .positional = true, .min = 0, .max = 1});
    feature_field(visit);
  }

  Feature bind(const Feature& input) override {
    check_image(input);
    return input;
  }

  Effect effect() const override { return Effect::mirrors; }
  ImageSize result(ImageSize image) const override { return image; }
  ImageRegion choose(ImageSize image, Mode mode, RandomSequence& random) const override {
    ImageRegion region = whole_image(image);
    if (mode == Mode::training && random.uniform() < probability) mirror(region);
    return region;
  }

 protected:
  virtual void mirror(ImageRegion& region) const = 0;
};

class HorizontalFlip : public Flip {
  void mirror(ImageRegion& region) const override { region.mirrored_horizontally = 1; }
};

class VerticalFlip : public Flip {
  void mirror(ImageRegion& region) const override { region.mirrored_vertically = 1; }
};

const Register<Transform, HorizontalFlip> registered_horizontal(
    "horizontal_flip", "in training mirrors left and right, at random");
const Register<Transform, VerticalFlip> registered_vertical("vertical_flip",
                                                            "in training mirrors top and bottom, at random");

}  // namespace
}  // namespace slipway
