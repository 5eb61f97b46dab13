#include "layers/layer.h"
#include "layers/ops/binary.h"
#include "layers/ops/concat.h"

namespace slipway {
namespace {

class Branch : public Layer {
 public:
  void settings(FieldVisitor& visit) override {
    branches_.field(visit, "branches",
                    {.help = "layers side by side, each reading the input; `sequence` makes one of several",
                     .required = true});
    visit.field("join", join_,
                {.help = "add or multiply outputs of one shape, or concat them along the channels (axis 1)",
                 .choices = {"add", "concat", "multiply"}});
  }
  void check(ConfigErrors& errors) const override {
    if (branches_.empty()) errors.add(where, "branch: has no branches, expected at least one");
  }
  Value build(const Scope& scope, Value input) const override {
    const BlockMark block(scope);
    const std::vector<Value> outputs = branches_.build_each(scope, input);
    for (std::size_t i = 1; i < outputs.size(); ++i) {
      const Shape &first = scope.shape(outputs[0]), &other = scope.shape(outputs[i]);
      require(fit(first, other), "branch 1 gives shape ", first, ", but branch ", i + 1, " gives ", other,
              "; to ", join_, " them, expected equal shapes", join_ == "concat" ? " but for axis 1" : "");
    }
    if (outputs.size() == 1) return outputs[0];
    if (join_ == "concat") return scope.add(std::make_shared<Concat>(1), outputs);
    const auto function = join_ == "add" ? BinaryFunction::add : BinaryFunction::multiply;
    Value joined = outputs[0];
    for (std::size_t i = 1; i < outputs.size(); ++i)
      joined = scope.add(std::make_shared<Binary>(function), {joined, outputs[i]});
    return joined;
  }

 private:
  bool fit(const Shape& a, const Shape& b) const {
    if (join_ != "concat") return a == b;
    return a.rank() == b.rank() && a.rank() >= 2 && a.without(1) == b.without(1);
  }

  LayerList branches_;
  std::string join_ = "add";
};

const Register<Layer, Branch> registered("branch",
                                         "layers side by side upon the same input, and their outputs joined");

}  // namespace
}  // namespace slipway
