#include "layers/layer.h"

namespace slipway {
namespace {

class Repeat : public Layer {
 public:
  void settings(FieldVisitor& visit) override {
    visit.field("times", times_,
                {.help = "how often the layers stand one after another", .required = true, .min = 0});
    layers_.field(visit, "layers",
                  {.help = "layers, built anew each time with parameters of their own", .required = true});
  }
  Value build(const Scope& scope, Value input) const override {
    for (std::int64_t i = 1; i <= times_; ++i) {
      const Scope repetition = scope.child(text(i));
      const BlockMark block(repetition, BlockMark::Inside::splits);
      input = layers_.build(repetition, input);
    }
    return input;
  }

 private:
  std::int64_t times_ = 1;
  LayerList layers_;
};

const Register<Layer, Repeat> registered("repeat",
                                         "the same layers several times, with parameters of their own");

}  // namespace
}  // namespace slipway
