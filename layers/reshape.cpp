#include "layers/ops/reshape.h"

#include <algorithm>

#include "layers/layer.h"

namespace slipway {
namespace {

class ReshapeLayer : public Layer {
 public:
  void settings(FieldVisitor& visit) override {
    visit.field(
        "shape", shape_,
        {.help = "sizes after the batch, such as [16, 7, 7]; one may be -1 and follows from the others",
         .required = true,
         .positional = true,
         .min = -1});
  }
  void check(ConfigErrors& errors) const override {
    if (shape_.size() >= kMaxRank)
      errors.add(where, text("reshape: shape has ", shape_.size(), " sizes, at most ", kMaxRank - 1));
    if (std::count(shape_.begin(), shape_.end(), -1) > 1)
      errors.add(where, "reshape: shape has -1 more than once");
    if (std::count(shape_.begin(), shape_.end(), 0) > 0) errors.add(where, "reshape: shape has a size of 0");
  }
  Value build(const Scope& scope, Value input) const override {
    const Shape& x = scope.shape(input);
    require(x.rank() >= 1, "input is a scalar, expected [batch, ...]");
    const std::int64_t features = x.elements(1, x.rank());
    Shape y{x[0]}, known;
    for (const std::int64_t size : shape_) {
      y.push_back(size);
      if (size != -1) known.push_back(size);
    }
    const std::int64_t missing = features / known.elements();
    for (int i = 1; i < y.rank(); ++i) {
      if (y[i] == -1) y[i] = missing;
    }
    require(y.elements(1, y.rank()) == features, "input has shape ", x, " with ", features,
            " values a sample, which cannot be arranged as ", Dims(std::span(shape_)));
    return scope.add(std::make_shared<Reshape>(y), {input});
  }

  bool decides_shape(const Shape&) const override {
    return std::count(shape_.begin(), shape_.end(), -1) == 0;
  }

 private:
  std::vector<std::int64_t> shape_;
};

const Register<Layer, ReshapeLayer> registered("reshape",
                                               "[batch, ...] -> [batch, shape...] of the same values");

}  // namespace
}  // namespace slipway
