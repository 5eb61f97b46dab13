#include "layers/layer.h"
#include "layers/ops/binary.h"

namespace slipway {
namespace {

/// He et al., "Deep Residual Learning for Image Recognition" (2015).
class Residual : public Layer {
 public:
  void settings(FieldVisitor& visit) override {
    layers_.field(visit, "layers",
                  {.help = "layers, each reading the one before", .required = true, .positional = true});
    shortcut_.field(visit, "shortcut",
                    {.help = "layers on the way around, where the shape changes; none: the input itself"});
  }
  Value build(const Scope& scope, Value input) const override {
    const BlockMark block(scope);
    const Value through = layers_.build(scope, input);
    const Value around = shortcut_.build(scope.child("shortcut"), input);
    const Shape &a = scope.shape(through), &b = scope.shape(around);
    require(a == b, "layers give shape ", a, ", but ",
            shortcut_.empty() ? "the input to which it is added has " : "the shortcut gives ", b,
            shortcut_.empty() ? "; expected layers that keep the shape, or a `shortcut` to that shape"
                              : "; expected a shortcut to the same shape");
    return scope.add(std::make_shared<Binary>(BinaryFunction::add), {through, around});
  }

 private:
  LayerList layers_;
  LayerList shortcut_;
};

const Register<Layer, Residual> registered("residual",
                                           "y = layers(x) + shortcut(x), shortcut(x) = x by default");

}  // namespace
}  // namespace slipway
