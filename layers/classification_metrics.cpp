#include "layers/metric.h"
#include "layers/ops/cross_entropy.h"
#include "layers/ops/metrics.h"

namespace slipway {
namespace {

/// Metrics of labels, of which one may stand for "unknown".
class LabelMetric : public Metric {
 public:
  std::int64_t ignored_label = CrossEntropy::kNothingIgnored;

  bool higher_is_better() const override { return true; }

 protected:
  void ignored_field(FieldVisitor& visit) {
    visit.field("ignored_label", ignored_label, {.help = "positions with this label count nowhere"});
  }
  static double share(double part, double whole) { return whole > 0 ? part / whole : 0; }
};

class Accuracy : public LabelMetric {
 public:
  void fields(FieldVisitor& visit) override { ignored_field(visit); }
  std::vector<Value> build(const Scope& scope, Value output, Value target) const override {
    if (Confusion::is_binary(scope.type(output), scope.type(target))) {
      return {scope.add(std::make_shared<Confusion>(ignored_label), {output, target})};
    }
    return {scope.add(std::make_shared<TopKHits>(1, ignored_label), {output, target})};
  }
  std::map<std::string, double> results(std::span<const Tensor> sums) const override {
    const Tensor& counts = sums[0];
    if (counts.shape().rank() == 1) return {{"accuracy", share(counts.at({0}), counts.at({1}))}};
    const double right = counts.at({0, 0}) + counts.at({1, 1}), wrong = counts.at({0, 1}) + counts.at({1, 0});
    return {{"accuracy", share(right, right + wrong)}};
  }
};

class TopK : public LabelMetric {
 public:
  std::int64_t k = 5;

  void fields(FieldVisitor& visit) override {
    visit.field("k", k, {.help = "how many guesses are allowed", .positional = true, .min = 1});
    ignored_field(visit);
  }
  std::vector<Value> build(const Scope& scope, Value output, Value target) const override {
    return {scope.add(std::make_shared<TopKHits>(k, ignored_label), {output, target})};
  }
  std::map<std::string, double> results(std::span<const Tensor> sums) const override {
    return {{text("top_", k), share(sums[0].at({0}), sums[0].at({1}))}};
  }
};

/// Its sum is the matrix [target, predicted] itself.
class ConfusionMatrix : public LabelMetric {
 public:
  void fields(FieldVisitor& visit) override { ignored_field(visit); }
  std::vector<Value> build(const Scope& scope, Value output, Value target) const override {
    return {scope.add(std::make_shared<Confusion>(ignored_label), {output, target})};
  }
  std::map<std::string, double> results(std::span<const Tensor>) const override { return {}; }
};

const Register<Metric, Accuracy> accuracy(
    "accuracy",
    "Share of labels that got the largest logit; of two classes, that lie on the right side of 0.");
const Register<Metric, TopK> top_k("top_k", "Share of labels that are among the k largest logits.");
const Register<Metric, ConfusionMatrix> confusion("confusion_matrix",
                                                  "How often each label met each prediction.");

}  // namespace
}  // namespace slipway
