#include "optim/adam.h"

namespace slipway {
namespace {

class AdamW : public AdamBase {
 public:
  AdamW() : AdamBase(Decay::decoupled) { weight_decay = 0.01; }
  void fields(FieldVisitor& visit) override {
    adam_fields(visit,
                "parameters shrink by learning_rate * weight_decay each step, apart from the gradient");
  }
};

const Register<Optimizer, AdamW> registered(
    "adamw", "Adam with decoupled weight decay (Loshchilov and Hutter, 2019).");

}  // namespace
}  // namespace slipway
