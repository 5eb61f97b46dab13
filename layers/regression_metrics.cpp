#include "layers/metric.h"
#include "layers/ops/metrics.h"

namespace slipway {
namespace {

class ErrorMetric : public Metric {
 public:
  void fields(FieldVisitor&) override {}
  std::vector<Value> build(const Scope& scope, Value output, Value target) const override {
    return {scope.add(std::make_shared<ErrorSums>(), {output, target})};
  }
  bool higher_is_better() const override { return false; }

 protected:
  /// Sums of ErrorSums over the batches, for one element of a sample.
  struct Column {
    double count, target, squared_target, squared_error, absolute_error;
  };
  static std::vector<Column> columns(std::span<const Tensor> sums) {
    std::vector<Column> result;
    for (std::int64_t c = 0; c < sums[0].shape()[1]; ++c) {
      const auto sum = [&](std::int64_t row) { return sums[0].at({row, c}); };
      result.push_back({sum(0), sum(1), sum(2), sum(3), sum(4)});
    }
    return result;
  }
};

class MeanSquared : public ErrorMetric {
 public:
  std::map<std::string, double> results(std::span<const Tensor> sums) const override {
    double count = 0, error = 0;
    for (const Column& column : columns(sums)) count += column.count, error += column.squared_error;
    return {{"mse", count > 0 ? error / count : 0}};
  }
};

class MeanAbsolute : public ErrorMetric {
 public:
  std::map<std::string, double> results(std::span<const Tensor> sums) const override {
    double count = 0, error = 0;
    for (const Column& column : columns(sums)) count += column.count, error += column.absolute_error;
    return {{"mae", count > 0 ? error / count : 0}};
  }
};

// R² = 1 - Σ (x - t)² / Σ (t - mean t)², the mean over the elements of a sample; of a target that does not
// vary it is 1 if the output is exact, else 0 (as scikit-learn's r2_score)
class RSquared : public ErrorMetric {
 public:
  bool higher_is_better() const override { return true; }
  std::map<std::string, double> results(std::span<const Tensor> sums) const override {
    const std::vector<Column> all = columns(sums);
    double total = 0;
    for (const Column& column : all) {
      if (column.count == 0) continue;
      const double variation = column.squared_target - column.target * column.target / column.count;
      // What cancellation can leave of a target that does not vary.
      const bool varies = variation > 1e-12 * column.squared_target;
      total += varies ? 1 - column.squared_error / variation : (column.squared_error == 0 ? 1 : 0);
    }
    return {{"r2", all.empty() ? 0 : total / static_cast<double>(all.size())}};
  }
};

const Register<Metric, MeanSquared> mse("mse", "Mean squared error.");
const Register<Metric, MeanAbsolute> mae("mae", "Mean absolute error.");
const Register<Metric, RSquared> r2("r2", "Share of the target's variance that the output explains.");

}  // namespace
}  // namespace slipway
