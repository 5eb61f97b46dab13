#include "layers/ops/batch_norm.h"

#include "core/comm/batch_shard.h"
#include "layers/initializer.h"
#include "layers/layer.h"
#include "layers/ops/synced_batch_norm.h"

namespace slipway {
namespace {

/// Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
/// Shift" (2015), with the semantics of torch.nn.BatchNorm2d.
class BatchNormLayer : public Layer {
 public:
  void settings(FieldVisitor& visit) override {
    visit.field("momentum", momentum_,
                {.help = "share of the newest batch in the running mean and variance", .min = 0, .max = 1});
    visit.field("epsilon", epsilon_, {.help = "added to the variance", .above = 0});
    visit.field("initializer", initializer_, {.help = "how the learned factors start"});
    visit.field("bias_initializer", bias_initializer_, {.help = "how the learned offsets start"});
  }
  Value build(const Scope& scope, Value input) const override {
    const Shape& x = scope.shape(input);
    require(x.rank() >= 2, "input has shape ", x, ", expected [batch, channels, ...]");
    const Shape channels{x[1]};
    const auto learned = [&](const char* name, const Slot<Initializer>& initializer) {
      return scope.parameter(
          {.name = name, .shape = channels, .initialize = initialize_by(initializer, {}), .decay = false});
    };
    const Value weight = learned("weight", initializer_), bias = learned("bias", bias_initializer_);
    const Value mean = scope.state("running_mean", channels, 0);
    const Value variance = scope.state("running_var", channels, 1);
    const BatchNormOptions options{.epsilon = epsilon_, .momentum = momentum_};
    const std::vector<Value> inputs = {input, weight, bias, mean, variance};
    if (!scope.training()) return scope.add(std::make_shared<BatchNormInference>(options), inputs);
    const std::int64_t rows = scope.shard() ? scope.shard()->samples : x[0];
    require(rows * x.elements(2, x.rank()) != 1, "input has shape ", x.with(0, rows),
            ": one value a channel has no variance to train with, expected ", "a larger batch");
    const auto [y, running_mean, running_variance] = add_training(scope, options, inputs);
    scope.graph().update(mean, running_mean);
    scope.graph().update(variance, running_variance);
    return y;
  }

 private:
  static SyncedBatchNormOutputs add_training(const Scope& scope, const BatchNormOptions& options,
                                             const std::vector<Value>& inputs) {
    if (scope.shard())
      return add_synced_batch_norm(scope.graph(), *scope.shard(), options, inputs, scope.path());
    const std::vector<Value> outputs = scope.add_all(std::make_shared<BatchNormTraining>(options), inputs);
    return {outputs[BatchNormTraining::kY], outputs[BatchNormTraining::kRunningMean],
            outputs[BatchNormTraining::kRunningVariance]};
  }

  double momentum_ = 0.1;
  double epsilon_ = 1e-5;
  Slot<Initializer> initializer_{"ones"};
  Slot<Initializer> bias_initializer_{"zeros"};
};

const Register<Layer, BatchNormLayer> registered(
    "batch_norm",
    "each channel to mean 0 and variance 1 over the batch, in evaluation by running averages, then scaled "
    "and "
    "shifted as learned: [batch, channels, ...] keeps its shape");

}  // namespace
}  // namespace slipway
