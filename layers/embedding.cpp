#include "layers/ops/embedding.h"

#include <cstring>

#include "layers/initializer.h"
#include "layers/layer.h"

namespace slipway {
namespace {

class EmbeddingLayer : public Layer {
 public:
  void settings(FieldVisitor& visit) override {
    visit.field("vocabulary", vocabulary_,
                {.help = "how many ids there are, counted from 0", .required = true, .min = 1});
    visit.field("features", features_, {.help = "numbers that stand for one id", .required = true, .min = 1});
    visit.field("padding", padding_, {.help = "id whose features start at 0 and never change", .min = 0});
    visit.field("initializer", initializer_, {.help = "how the features start"});
  }
  void check(ConfigErrors& errors) const override {
    if (padding_ && *padding_ >= vocabulary_)
      errors.add(where, text("embedding: padding is ", *padding_, ", expected 0 to ", vocabulary_ - 1));
  }
  Value build(const Scope& scope, Value input) const override {
    const DType dtype = scope.type(input).dtype;
    require(dtype == DType::int32 || dtype == DType::int64, "input is ", scope.type(input),
            ", expected ids: int32 or int64");
    const Fans fans{.in = static_cast<double>(features_), .out = 1};
    const Value table = scope.parameter({.name = "weight",
                                         .shape = {vocabulary_, features_},
                                         .initialize = without_padding(initialize_by(initializer_, fans))});
    return scope.add(std::make_shared<Embedding>(padding_.value_or(Embedding::kNoPadding)), {table, input});
  }

 private:
  Initialize without_padding(const Initialize& initialize) const {
    return [initialize, padding = padding_](const TensorView& view, RandomSequence& random) {
      initialize(view, random);
      if (!padding) return;
      const TensorView row = view.slice(0, *padding, *padding + 1);
      std::memset(row.data, 0, row.type.bytes());
    };
  }

  std::int64_t vocabulary_ = 0;
  std::int64_t features_ = 0;
  std::optional<std::int64_t> padding_;
  Slot<Initializer> initializer_{"normal"};
};

const Register<Layer, EmbeddingLayer> registered(
    "embedding", "a learned vector for each id: integers [batch, ...] -> [batch, ..., features]");

}  // namespace
}  // namespace slipway
