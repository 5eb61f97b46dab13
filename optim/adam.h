#pragma once

#include "optim/optimizer.h"

namespace slipway {

/// What adam and adamw have in common; they differ in how weights decay.
class AdamBase : public Optimizer {
 public:
  enum class Decay { coupled, decoupled };

  std::vector<double> betas = {0.9, 0.999};
  double epsilon = 1e-8;
  bool amsgrad = false;

  void check(ConfigErrors& errors) const override;
  void build(Graph& graph, const UpdateInputs& inputs, const std::vector<Segment>& segments) const override;

 protected:
  explicit AdamBase(Decay decay) : decay_(decay) { learning_rate = 0.001; }
  void adam_fields(FieldVisitor& visit, const char* weight_decay_help);

 private:
  Decay decay_;
};

}  // namespace slipway
