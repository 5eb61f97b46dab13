#include <cstring>

#include "core/base/random.h"
#include "data/dataset.h"

namespace slipway {
namespace {

/// Uniform inputs and labels drawn by (seed, index): for speed measurements and for trying a model without
/// data.
class RandomDataset : public Dataset {
 public:
  std::vector<std::int64_t> shape;
  std::int64_t classes = 10;
  std::int64_t samples = 1024;
  std::int64_t seed = 1;

  void fields(FieldVisitor& visit) override {
    visit.field(
        "shape", shape,
        {.help = "of one input: [channels, height, width] or [features]", .required = true, .min = 1});
    visit.field("classes", classes, {.help = "labels are drawn from 0 to classes - 1", .min = 1});
    visit.field("samples", samples, {.help = "how many samples there are", .min = 1});
    visit.field("seed", seed, {.help = "draws everything", .min = 0});
  }
  void check(ConfigErrors& errors) const override {
    if (shape.size() >= kMaxRank)
      errors.add(where, text("random: a shape has at most ", kMaxRank - 1, " sizes"));
  }

  std::optional<Schema> peek(const std::string&) const override { return schema(); }
  void open(const std::string&) override {}
  Schema schema() const override {
    Feature input{.name = "input", .shape = Shape(std::span<const std::int64_t>(shape))};
    if (shape.size() == 3) input.kind = Feature::Kind::image;
    Feature label{.name = "label", .kind = Feature::Kind::label, .dtype = DType::int64, .shape = {}};
    for (std::int64_t i = 0; i < classes; ++i) label.labels.push_back(std::to_string(i));
    return {.inputs = {input}, .targets = {label}};
  }
  std::int64_t size() const override { return samples; }

  void read(std::int64_t index, Sample& sample) const override {
    sample.resize(2);
    ensure_type(sample[0], DType::float32, Shape(std::span<const std::int64_t>(shape)));
    ensure_type(sample[1], DType::int64, Shape{});
    const Philox random{.key = static_cast<std::uint64_t>(seed), .stream = static_cast<std::uint64_t>(index)};
    std::span<float> values = sample[0].as<float>();
    for (std::size_t i = 0; i < values.size(); i += 4) {
      const Philox::Block block = random(i / 4);
      for (std::size_t k = 0; k < std::min<std::size_t>(4, values.size() - i); ++k) {
        values[i + k] = Philox::uniform(block[k]);
      }
    }
    sample[1].as<std::int64_t>()[0] = label(index);
  }
  std::int64_t label(std::int64_t index) const override {
    RandomSequence random({.key = random_key(static_cast<std::uint64_t>(seed), "label"),
                           .stream = static_cast<std::uint64_t>(index)});
    return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(classes)));
  }
};

const Register<Dataset, RandomDataset> registered("random",
                                                  "Random inputs and labels, for measurements and trials.");

}  // namespace
}  // namespace slipway
