#include <cmath>

#include "data/image_transform.h"

namespace slipway {
namespace {

/// What the crops share: the size of their output.
class Crop : public ImageTransform {
 public:
  std::vector<std::int64_t> size;

  Feature bind(const Feature& input) override {
    check_image(input);
    size_ = image_size(size, "size");
    if (input.is_fixed()) check_fits({input.shape[1], input.shape[2]});
    Feature output = input;
    output.shape = {input.shape[0], size_.height, size_.width};
    return output;
  }

  std::optional<SampleStep> outside_training() const override {
    return SampleStep{evaluation_name(), {size_.height, size_.width}};
  }
  Effect effect() const override { return Effect::crops; }
  ImageSize result(ImageSize) const override { return size_; }

 protected:
  /// The middle of the image.
  virtual const char* evaluation_name() const { return "center_crop"; }
  void size_field(FieldVisitor& visit) {
    visit.field(
        "size", size,
        {.help = "height and width, or one number for both", .required = true, .positional = true, .min = 1});
  }
  virtual std::int64_t margin() const { return 0; }  // that may be added on each side

  virtual void check_fits(ImageSize image) const {
    require_user(image.height + 2 * margin() >= size_.height && image.width + 2 * margin() >= size_.width,
                 "an image of ", image.height, "x", image.width, " is smaller than the crop of ",
                 size_.height, "x", size_.width, "; resize it before");
  }

  ImageSize size_;
};

class CenterCrop : public Crop {
 public:
  void fields(FieldVisitor& visit) override {
    size_field(visit);
    feature_field(visit);
  }
  ImageRegion choose(ImageSize image, Mode, RandomSequence&) const override {
    check_fits(image);
    return as_chosen(centre(image, size_));
  }
};

class RandomCrop : public Crop {
 public:
  std::int64_t padding = 0;

  void fields(FieldVisitor& visit) override {
    size_field(visit);
    visit.field("padding", padding,
                {.help = "zero pixels that are thought of around the image", .min = 0, .max = 4096});
    feature_field(visit);
  }

  ImageRegion choose(ImageSize image, Mode mode, RandomSequence& random) const override {
    check_fits(image);
    Region region = centre(image, size_);
    if (mode == Mode::training) {
      const auto draw = [&](std::int64_t space) {
        return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(space) + 1)) - padding;
      };
      region.top = draw(image.height + 2 * padding - size_.height);
      region.left = draw(image.width + 2 * padding - size_.width);
    }
    return as_chosen(region);
  }

 protected:
  std::int64_t margin() const override { return padding; }
};

class RandomResizedCrop : public Crop {
 public:
  std::vector<double> scale = {0.08, 1}, ratio = {3.0 / 4, 4.0 / 3};

  void fields(FieldVisitor& visit) override {
    size_field(visit);
    visit.field("scale", scale, {.help = "least and largest part of the image's area", .max = 1, .above = 0});
    visit.field("ratio", ratio, {.help = "least and largest width over height", .above = 0});
    feature_field(visit);
  }

  void check(ConfigErrors& errors) const override {
    for (const auto* range : {&scale, &ratio}) {
      if (range->size() == 2 && (*range)[0] <= (*range)[1]) continue;
      errors.add(where, text("random_resized_crop: ", range == &scale ? "scale" : "ratio",
                             " must be two numbers, the lesser first"));
    }
  }

  Effect effect() const override { return Effect::resamples; }
  ImageRegion choose(ImageSize image, Mode mode, RandomSequence& random) const override {
    const double aspect = static_cast<double>(size_.width) / static_cast<double>(size_.height);
    return as_chosen(mode == Mode::training ? draw(image, random) : largest(image, aspect));
  }

 protected:
  void check_fits(ImageSize) const override {}  // a small image is enlarged
  /// The largest region in the middle of the size's aspect ratio, resized.
  const char* evaluation_name() const override { return "center_crop_resize"; }

 private:
  /// The largest region in the middle whose width is `aspect` times its height.
  static Region largest(ImageSize image, double aspect) {
    const auto height = static_cast<double>(image.height), width = static_cast<double>(image.width);
    const auto side = [](double value, std::int64_t most) {
      return std::clamp<std::int64_t>(std::llround(value), 1, most);
    };
    return centre(image, {side(std::min(height, width / aspect), image.height),
                          side(std::min(width, height * aspect), image.width)});
  }

  /// An area and a logarithm of the aspect ratio, both uniform; after ten that don't fit, the middle.
  Region draw(ImageSize image, RandomSequence& random) const {
    const double area = static_cast<double>(image.height) * static_cast<double>(image.width);
    for (int attempt = 0; attempt < 10; ++attempt) {
      const double part = area * random.uniform(scale[0], scale[1]);
      const double aspect = std::exp(random.uniform(std::log(ratio[0]), std::log(ratio[1])));
      const std::int64_t width = std::llround(std::sqrt(part * aspect)),
                         height = std::llround(std::sqrt(part / aspect));
      if (width < 1 || height < 1 || width > image.width || height > image.height) continue;
      const auto top = random.below(static_cast<std::uint64_t>(image.height - height) + 1);
      const auto left = random.below(static_cast<std::uint64_t>(image.width - width) + 1);
      return {static_cast<std::int64_t>(top), static_cast<std::int64_t>(left), height, width};
    }
    const double own = static_cast<double>(image.width) / static_cast<double>(image.height);
    return largest(image, std::clamp(own, ratio[0], ratio[1]));
  }
};

const Register<Transform, CenterCrop> registered_center("center_crop", "the middle of an image");
const Register<Transform, RandomCrop> registered_random(
    "random_crop", "in training a random part of the padded image, else its middle");
const Register<Transform, RandomResizedCrop> registered_resized(
    "random_resized_crop",
    "in training a random part resized, else the largest middle part of the same aspect ratio");

}  // namespace
}  // namespace slipway
