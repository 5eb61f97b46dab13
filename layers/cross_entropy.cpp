#include "layers/ops/cross_entropy.h"

#include "core/comm/batch_shard.h"
#include "layers/loss.h"
#include "layers/ops/collective.h"

namespace slipway {
namespace {

class CrossEntropyLoss : public Loss {
 public:
  double label_smoothing = 0;
  std::vector<double> class_weights;
  std::int64_t ignored_label = CrossEntropy::kNothingIgnored;

  void fields(FieldVisitor& visit) override {
    visit.field("label_smoothing", label_smoothing,
                {.help = "share of the target that is spread evenly over all classes", .min = 0, .below = 1});
    visit.field("class_weights", class_weights,
                {.help = "how much each class counts, one number a class; empty: all the same", .min = 0});
    visit.field("ignored_label", ignored_label, {.help = "positions with this label count nowhere"});
  }

  std::string_view activation() const override { return "softmax"; }
  ValueType target_type(const ValueType& output) const override {
    require(output.shape.rank() >= 2, "expects logits [batch, classes, ...], got ", output);
    return {DType::int64, output.shape.without(1)};
  }

  Value build(const Scope& scope, Value output, Value target) const override {
    CrossEntropy::Options options{.smoothing = label_smoothing,
                                  .ignored_label = ignored_label,
                                  .outputs = scope.training() ? CrossEntropy::Outputs::loss_and_gradient
                                                              : CrossEntropy::Outputs::loss_only};
    std::vector<Value> inputs = {output, target};
    if (!class_weights.empty()) {
      const Shape shape{static_cast<std::int64_t>(class_weights.size())};
      inputs.push_back(scope.graph().constant(Tensor::of(shape, class_weights).cast(scope.type(output).dtype),
                                              "class_weights"));
    }
    if (scope.shard()) {
      options.divisor = CrossEntropy::Divisor::given;
      inputs.push_back(add_divisor(scope, {inputs.begin() + 1, inputs.end()}, scope.shape(output)[1]));
    }
    return scope.add_all(std::make_shared<CrossEntropy>(options), std::move(inputs))[0];
  }

  std::optional<BadTarget> find_bad_target(const TensorView& target, const ValueType& output) const override {
    const std::span<const std::int64_t> labels = target.as<std::int64_t>();
    const std::int64_t classes = output.shape[1];
    const std::size_t per_sample = static_cast<std::size_t>(output.shape.elements(2, output.shape.rank()));
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (labels[i] == ignored_label || (labels[i] >= 0 && labels[i] < classes)) continue;
      return BadTarget{static_cast<std::int64_t>(i / per_sample),
                       text("label ", labels[i], ", expected 0 to ", classes - 1)};
    }
    return std::nullopt;
  }

 private:
  /// The weight of the labels of the whole batch.
  Value add_divisor(const Scope& scope, std::vector<Value> labels_and_weights, std::int64_t classes) const {
    const OpPtr own = std::make_shared<LabelWeight>(
        LabelWeight::Options{.classes = classes, .ignored_label = ignored_label});
    const OpPtr all = sum_over_parts(*scope.shard(), "the weight of the labels");
    return scope.add(all, {scope.add(own, std::move(labels_and_weights))});
  }
};

const Register<Loss, CrossEntropyLoss> registered(
    "cross_entropy",
    "Softmax cross-entropy of logits [batch, classes, ...] and integer labels [batch, ...].");

}  // namespace
}  // namespace slipway
