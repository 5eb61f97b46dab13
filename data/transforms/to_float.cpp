#include <optional>

#include "data/transform.h"

namespace slipway {
namespace {

class ToFloat : public GraphTransform {
 public:
  std::optional<double> scale;

  void fields(FieldVisitor& visit) override {
    visit.field("scale", scale,
                {.help = "factor; left out: 1/255 for uint8, so that pixels lie in [0, 1], else 1"});
    feature_field(visit);
  }

  Feature bind(const Feature& input) override {
    factor_ = scale.value_or(input.dtype == DType::uint8 ? 1.0 / 255 : 1.0);
    changes_ = input.dtype != DType::float32 || factor_ != 1;
    Feature output = input;
    output.dtype = DType::float32;
    return output;
  }

  std::vector<GraphStep> steps() const override {
    if (!changes_) return {};
    return {Affine{.axis = 0, .scale = {factor_}, .shift = {0}}};
  }

 private:
  double factor_ = 1;
  bool changes_ = true;
};

const Register<Transform, ToFloat> registered("to_float", "converts to float32, pixels to [0, 1]");

}  // namespace
}  // namespace slipway
