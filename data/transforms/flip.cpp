#include <cstring>

#include "data/transform.h"
#include "data/transforms/image.h"

namespace slipway {
namespace {

class Flip : public HostTransform {
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

  void apply(const Tensor& input, Tensor& output, Mode mode, RandomSequence& random) const override {
    if (mode == Mode::training && random.uniform() < probability) {
      flip(input, output);
    } else {
      ensure_type(output, input.dtype(), input.shape());
      std::memcpy(output.view().data, input.view().data, input.type().bytes());
    }
  }

 protected:
  virtual void flip(const Tensor& input, Tensor& output) const = 0;
};

class HorizontalFlip : public Flip {
  void flip(const Tensor& input, Tensor& output) const override { flip_horizontally(input, output); }
};

class VerticalFlip : public Flip {
  void flip(const Tensor& input, Tensor& output) const override { flip_vertically(input, output); }
};

const Register<Transform, HorizontalFlip> registered_horizontal(
    "horizontal_flip", "in training mirrors left and right, at random");
const Register<Transform, VerticalFlip> registered_vertical("vertical_flip",
                                                            "in training mirrors top and bottom, at random");

}  // namespace
}  // namespace slipway
