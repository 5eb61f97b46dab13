#include "layers/ops/embedding.h"

#include <cstring>

#include "layers/initializer.h"
#include "layers/layer.h"

namespace slipway {
namespace {

class EmbeddingLayer : public Layer {
 public:
  std::int64_t ids = 0;
  std::int64_t features = 0;
  std::optional<std::int64_t> padding;
  Slot<Initializer> initializer{"normal"};

  void settings(FieldVisitor& visit) override {
    visit.field("ids", ids, {.help = "how many there are, counted from 0", .required = true, .min = 1});
    visit.field("features", features, {.help = "that stand for one id", .required = true, .min = 1});
    visit.field("padding", padding, {.help = "id whose features start at 0 and never change", .min = 0});
    visit.field("initializer", initializer, {.help = "first values of the table"});
  }
  void check(ConfigErrors& errors) const override {
    if (padding && *padding >= ids) {
      errors.add(where, text("embedding: padding is ", *padding, ", expected 0 to ", ids - 1));
    }
  }

  Value build(const Scope& scope, Value input) const override {
    const Initialize draw = initialize_by(initializer, Fans{.in = static_cast<double>(features), .out = 1});
    const Value table =
        scope.parameter({.name = "weight",
                         .shape = {ids, features},
                         .initialize = [draw, row = padding](const TensorView& view, RandomSequence& random) {
                           draw(view, random);
                           if (!row) return;
                           const TensorView zero = view.slice(0, *row, *row + 1);
                           std::memset(zero.data, 0, zero.type.bytes());
                         }});
    return scope.add(std::make_shared<Embedding>(padding.value_or(Embedding::kNoPadding)), {table, input});
  }
};

const Register<Layer, EmbeddingLayer> registered("embedding",
                                                 "A learned vector for each id: [...] to [..., features].");

}  // namespace
}  // namespace slipway
