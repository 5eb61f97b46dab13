#include <vector>

#include "data/transform.h"

namespace slipway {
namespace {

class OneHotColumns : public GraphTransform {
 public:
  void fields(FieldVisitor& visit) override { feature_field(visit); }

  Feature bind(const Feature& input) override {
    require_user(input.kind == Feature::Kind::table, "input '", input.name, "' is no table of columns");
    Feature output = input;
    output.columns.clear();
    step_.sizes.clear();
    for (const Column& column : input.columns) {
      if (column.kind != Column::Kind::categorical) {
        step_.sizes.push_back(0);
        output.columns.push_back(column);
        continue;
      }
      step_.sizes.push_back(static_cast<std::int64_t>(column.labels.size()));
      for (const std::string& label : column.labels) {
        output.columns.push_back({.name = column.name + "=" + label, .kind = Column::Kind::indicator});
      }
    }
    output.shape = Shape{static_cast<std::int64_t>(output.columns.size())};
    return output;
  }

  std::vector<GraphStep> steps() const override {
    for (const std::int64_t size : step_.sizes) {
      if (size > 0) return {step_};
    }
    return {};
  }

 private:
  OneHot step_;
};

const Register<Transform, OneHotColumns> registered(
    "one_hot", "replaces each categorical column by one indicator a category; a missing value gives zeros");

}  // namespace
}  // namespace slipway
