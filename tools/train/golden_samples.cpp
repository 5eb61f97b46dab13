#include "tools/train/golden_samples.h"

#include <cmath>
#include <limits>
#include <optional>

#include "core/base/random.h"
#include "core/runtime/executor.h"
#include "data/loader.h"
#include "tools/train/data_source.h"
#include "tools/train/model_description.h"
#include "tools/train/training_program.h"

namespace slipway {
namespace {

constexpr std::int64_t kSamples = 4;

bool same_inputs(const Schema& a, const Schema& b) { return a.inputs == b.inputs; }

/// None if the data cannot be opened here, or is not what the model was trained on.
std::optional<GoldenSamples> real_samples(const TrainedModel& trained) try {
  // The configuration anew: opening datasets changes its components.
  RunConfig config = parse_run_config(trained.checkpoint().config, trained.checkpoint_path());
  const DataSource source(config, trained.base_directory());
  const char* name = config.data.test ? "test" : "validation";
  std::shared_ptr<const Dataset> data = source.part(DataSource::Part::test);
  if (!data) {
    name = "training";
    data = source.part(DataSource::Part::train);
  }
  if (data->size() == 0 || !same_inputs(data->schema(), trained.pipeline().source())) return std::nullopt;
  Loader loader(data, trained.shared_pipeline(),
                {.batch_size = std::min(kSamples, data->size()), .mode = Mode::evaluation, .workers = 0});
  const Batch* batch = loader.next();
  if (batch == nullptr) return std::nullopt;
  return GoldenSamples{batch->tensors[0].clone(), text("the first ", batch->size(), " ", name, " samples")};
} catch (const UserError&) {
  return std::nullopt;
}

/// Values from which the first step of preprocessing makes standard normal ones; the last sample lacks all
/// that may be missing.
void fill_table(const TrainedModel& trained, const Feature& table, const Tensor& input) {
  RandomSequence random({.key = random_key(1, "golden")});
  const std::vector<GraphStep> steps = trained.pipeline().steps(0);
  const auto* affine = steps.empty() ? nullptr : std::get_if<Affine>(&steps[0]);
  const auto columns = static_cast<std::size_t>(table.shape[0]);
  const std::vector<bool> may_be_missing = columns_that_may_be_missing(trained.pipeline());
  const auto values = input.as<float>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t c = i % columns;
    if (may_be_missing[c] && i + columns >= values.size()) {
      values[i] = std::numeric_limits<float>::quiet_NaN();
      continue;
    }
    if (c < table.columns.size() && !table.columns[c].labels.empty()) {
      values[i] = static_cast<float>(random.below(table.columns[c].labels.size()));
      continue;
    }
    double value = random.normal();
    if (affine != nullptr) {
      const std::size_t k = affine->scale.size() == 1 ? 0 : c;
      if (affine->scale[k] != 0) value = (value - affine->shift[k]) / affine->scale[k];
    }
    values[i] = static_cast<float>(value);
  }
}

GoldenSamples made_up_samples(const TrainedModel& trained) {
  const Feature& feature = trained.pipeline().batch().inputs[0];
  GoldenSamples samples{Tensor::zeros(feature.dtype, feature.shape.inserted(0, kSamples)), "made up"};
  if (feature.kind == Feature::Kind::table && feature.dtype == DType::float32) {
    fill_table(trained, feature, samples.input);
    return samples;
  }
  RandomSequence random({.key = random_key(1, "golden")});
  visit_dtype(feature.dtype, [&]<class T>() {
    for (T& value : samples.input.as<T>()) {
      if constexpr (std::is_same_v<T, std::uint8_t>)
        value = static_cast<T>(random.below(256));
      else if constexpr (std::is_floating_point_v<T>)
        value = static_cast<T>(random.normal());
      else
        value = static_cast<T>(static_cast<float>(random.below(2)));  // token ids that every vocabulary has
    }
  });
  return samples;
}

}  // namespace

GoldenSamples golden_samples(const TrainedModel& trained) {
  std::optional<GoldenSamples> samples = real_samples(trained);
  return samples ? *samples : made_up_samples(trained);
}

Tensor predict_golden(const TrainedModel& trained, const Tensor& input, const Stream& stream) {
  Model::Forward forward =
      trained.model().forward({.mode = Mode::evaluation, .batch_size = input.shape()[0]});
  forward.graph.output("output", forward.output);
  const Variables variables = trained.variables().on(stream);
  Executor executor(optimize(std::move(forward.graph), stream, variables), stream, variables);
  executor.bind(trained.pipeline().batch().inputs[0].name, input);
  executor.run();
  return executor.read("output");
}

}  // namespace slipway
