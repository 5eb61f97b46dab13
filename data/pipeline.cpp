#include "data/pipeline.h"

#include <cstring>

#include "data/loader.h"

namespace slipway {

Pipeline::Pipeline(Schema dataset, std::vector<Slot<Transform>> transforms)
    : source_(std::move(dataset)), batch_(source_), model_(source_), inputs_(source_.inputs.size()) {
  for (const Slot<Transform>& slot : transforms) {
    try {
      const std::size_t i = input_of(slot);
      if (auto host = std::dynamic_pointer_cast<HostTransform>(slot.component)) {
        require_user(
            inputs_[i].graph.empty(),
            "works on single samples, so it must stand before those that become a part of the model");
        inputs_[i].seen.push_back(batch_.inputs[i]);
        batch_.inputs[i] = host->bind(batch_.inputs[i]);
        model_.inputs[i] = batch_.inputs[i];
        inputs_[i].host.push_back(std::move(host));
        ++inputs_[i].on_host;
      } else {
        auto graph = std::dynamic_pointer_cast<GraphTransform>(slot.component);
        require(graph != nullptr, "is neither a host nor a graph transform");
        model_.inputs[i] = graph->bind(model_.inputs[i]);
        inputs_[i].graph.push_back(std::move(graph));
      }
    } catch (const UserError& error) {
      const std::string place = slot.where.line > 0 ? text(slot.where, ": ") : "";
      throw UserError(text(place, "transform '", slot.name, "': ", error.what()));
    }
  }
}

std::size_t Pipeline::input_of(const Slot<Transform>& slot) const {
  const std::string& name = slot->feature;
  if (name.empty() && source_.inputs.size() == 1) return 0;
  std::string known;
  for (std::size_t i = 0; i < source_.inputs.size(); ++i) {
    if (source_.inputs[i].name == name) return i;
    known += (i > 0 ? ", " : "") + source_.inputs[i].name;
  }
  throw UserError(name.empty() ? text("there are several inputs; `feature` must name one of ", known)
                               : text("no input is called '", name, "'; there are ", known));
}

void Pipeline::apply(std::size_t i, const Tensor& source, Tensor& result, Sample& scratch, Mode mode,
                     RandomSequence& random) const {
  const auto& host = inputs_[i].host;
  const std::size_t count = inputs_[i].on_host;
  require(count > 0, "input ", i, " has no host transforms");
  if (scratch.size() + 1 < count) scratch.resize(count - 1);
  const Tensor* from = &source;
  for (std::size_t k = 0; k < count; ++k) {
    Tensor& to = k + 1 == count ? result : scratch[k];
    host[k]->apply(*from, to, mode, random);
    from = &to;
  }
}

/// A mirrored result needs no step of its own, unless it is the first.
bool Pipeline::Input::begins_step(std::size_t k) const {
  return k == on_host || left(k).effect() != ImageTransform::Effect::mirrors;
}

void Pipeline::leave_images_to_graph() {
  constexpr std::int64_t kMostGrowth = 8;
  require(!needs_statistics(), "images can't be left to the graph before measure()");
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    Input& input = inputs_[i];
    if (input.regions) continue;
    const Shape result = batch_.inputs[i].shape;
    const auto can_be_left = [&](std::size_t k) {
      const Feature& seen = input.seen[k];
      return dynamic_cast<const ImageTransform*>(input.host[k].get()) != nullptr && seen.is_fixed() &&
             seen.shape.elements() <= kMostGrowth * result.elements();
    };
    while (input.on_host > 0 && can_be_left(input.on_host - 1)) --input.on_host;
    if (input.on_host == input.host.size()) continue;
    batch_.inputs[i] = input.seen[input.on_host];
    const auto steps = static_cast<std::int64_t>(region_steps(i).size());
    input.regions = batch_.regions.size();
    batch_.regions.push_back({.name = batch_.inputs[i].name + ".regions",
                              .dtype = DType::int32,
                              .shape = {steps, ImageRegion::kNumbers}});
  }
}

std::vector<RegionStep> Pipeline::region_steps(std::size_t i) const {
  const Input& input = inputs_.at(i);
  std::vector<RegionStep> steps;
  for (std::size_t k = input.on_host; k < input.host.size(); ++k) {
    if (!input.begins_step(k)) continue;
    const ImageTransform& transform = input.left(k);
    steps.push_back({.size = transform.result(input.size_before(k)),
                     .resamples = transform.effect() == ImageTransform::Effect::resamples});
  }
  return steps;
}

std::optional<std::size_t> Pipeline::regions_of(std::size_t i) const {
  if (i >= inputs_.size() || !inputs_[i].regions) return std::nullopt;
  return batch_.inputs.size() + batch_.targets.size() + *inputs_[i].regions;
}

void Pipeline::choose_regions(std::size_t i, Mode mode, RandomSequence& random,
                              std::span<std::int32_t> regions) const {
  const Input& input = inputs_.at(i);
  std::vector<ImageRegion> chosen;
  for (std::size_t k = input.on_host; k < input.host.size(); ++k) {
    const ImageRegion region = input.left(k).choose(input.size_before(k), mode, random);
    if (input.begins_step(k)) {
      chosen.push_back(region);
    } else {
      chosen.back().mirrored_horizontally ^= region.mirrored_horizontally;
      chosen.back().mirrored_vertically ^= region.mirrored_vertically;
    }
  }
  require(regions.size_bytes() == chosen.size() * sizeof(ImageRegion), "input ", i, " has ", chosen.size(),
          " regions a sample, got room for ", regions.size(), " numbers");
  std::memcpy(regions.data(), chosen.data(), regions.size_bytes());
}

Tensor Pipeline::finished(std::size_t i, const Tensor& sample) const {
  const Input& input = inputs_.at(i);
  RandomSequence unused({.key = 0});
  Tensor image = sample;
  for (std::size_t k = input.on_host; k < input.host.size(); ++k) {
    Tensor result;
    input.host[k]->apply(image, result, Mode::evaluation, unused);
    image = result;
  }
  return image;
}

std::vector<SampleStep> Pipeline::sample_steps(std::size_t i) const {
  std::vector<SampleStep> steps;
  const Feature& feature = source_.inputs.at(i);
  std::vector<std::int64_t> size;  // of the image, if it is known
  if (feature.kind == Feature::Kind::image) size = {feature.shape[1], feature.shape[2]};
  for (const auto& transform : inputs_[i].host) {
    const std::optional<SampleStep> step = transform->outside_training();
    if (!step || step->size == size) continue;
    steps.push_back(*step);
    size = step->size;
  }
  return steps;
}

bool Pipeline::needs_statistics() const {
  for (const Input& input : inputs_) {
    for (const auto& transform : input.graph) {
      if (transform->needs_statistics()) return true;
    }
  }
  return false;
}

void Pipeline::measure(const Dataset& training, int threads, const Progress& progress) {
  require(batch_.regions.empty(), "statistics are measured before images are left to the graph");
  constexpr std::int64_t kBatch = 256;
  // A pass measures, for each input, the first transform that waits; a later one needs another pass.
  while (needs_statistics()) {
    struct Waiting {
      std::size_t input;
      std::vector<GraphStep> before;
      GraphTransform* transform;
      Statistics statistics;
    };
    std::vector<Waiting> waiting;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      std::vector<GraphStep> before;
      for (const auto& transform : inputs_[i].graph) {
        if (transform->needs_statistics()) {
          waiting.push_back({i, compose(std::move(before)), transform.get(), {}});
          break;
        }
        for (GraphStep& step : transform->steps()) before.push_back(std::move(step));
      }
    }
    // The loader borrows what outlives it.
    Loader loader(std::shared_ptr<const Dataset>(std::shared_ptr<void>(), &training),
                  std::shared_ptr<const Pipeline>(std::shared_ptr<void>(), this),
                  {.batch_size = kBatch, .workers = threads});
    std::int64_t done = 0;
    while (const Batch* batch = loader.next()) {
      for (Waiting& entry : waiting) {
        Tensor values = batch->tensors[entry.input];
        for (const GraphStep& step : entry.before) values = apply_step(step, values);
        entry.statistics.add(values.dtype() == DType::float32 ? values : values.cast(DType::float32));
      }
      done += batch->size();
      if (progress) progress(done, loader.samples());
    }
    for (Waiting& entry : waiting) {
      entry.transform->measured(entry.statistics);
      require(!entry.transform->needs_statistics(),
              "a transform still waits for the statistics it was given");
    }
  }
}

std::vector<GraphStep> Pipeline::steps(std::size_t i) const {
  std::vector<GraphStep> steps;
  for (const auto& transform : inputs_[i].graph) {
    require(!transform->needs_statistics(), "input ", i, " waits for statistics; measure() comes first");
    for (GraphStep& step : transform->steps()) steps.push_back(std::move(step));
  }
  return compose(std::move(steps));
}

Tensor Pipeline::preprocess(std::size_t i, const Tensor& batch) const {
  Tensor values = batch;
  for (const GraphStep& step : steps(i)) values = apply_step(step, values);
  return values;
}

}  // namespace slipway
