#include <cmath>
#include <vector>

#include "data/transform.h"
#include "data/transforms/scaling.h"

namespace slipway {
namespace {

class Standardize : public GraphTransform {
 public:
  std::vector<double> mean, std;

  void fields(FieldVisitor& visit) override {
    visit.field(
        "mean", mean,
        {.help = "one a column, 0 for one that is not numeric; left out: measured over the training set"});
    visit.field("std", std,
                {.help = "standard deviation, one a column, 1 for one that is not numeric", .above = 0});
    feature_field(visit);
  }

  void check(ConfigErrors& errors) const override {
    if (mean.size() != std.size()) {
      errors.add(where, text("standardize: ", mean.size(), " means and ", std.size(),
                             " deviations, expected as many of one as of the other"));
    }
  }

  Feature bind(const Feature& input) override {
    require_user(input.kind == Feature::Kind::table && is_floating(input.dtype), "input '", input.name,
                 "' is no table of columns; images take normalize");
    columns_ = input.columns;
    if (!needs_statistics())
      check_mean_and_std("standardize", mean, std, static_cast<std::int64_t>(columns_.size()));
    return input;
  }

  bool needs_statistics() const override { return mean.empty(); }

  void measured(const Statistics& statistics) override {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const bool numeric = columns_[i].kind == Column::Kind::numeric;
      require_user(!numeric || statistics.count(i) > 0, "standardize: column '", columns_[i].name,
                   "' has no value in the training set, expected one at least");
      mean.push_back(numeric ? statistics.mean(i) : 0);
      std.push_back(numeric && statistics.deviation(i) > 0 ? statistics.deviation(i) : 1);
    }
  }

  std::vector<GraphStep> steps() const override {
    Affine step = standardizing(mean, std);
    step.fill = mean;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].kind != Column::Kind::numeric) step.fill[i] = NAN;
    }
    return {step};
  }

 private:
  std::vector<Column> columns_;
};

const Register<Transform, Standardize> registered(
    "standardize", "(x - mean) / std of each numeric column; missing values become the mean");

}  // namespace
}  // namespace slipway
