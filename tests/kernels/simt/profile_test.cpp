#include <gtest/gtest.h>

#include "kernels/simt/runtime/control.h"
#include "tests/kernels/simt/runtime/support.h"
#include "tools/train/compute.h"
#include "tools/train/data_source.h"
#include "tools/train/step_profile.h"

namespace slipway::test {
namespace {

constexpr std::int64_t kBatchSize = 4;
constexpr const char* kModel = R"(
data:
  train: {random: {shape: [6], classes: 3, samples: 200}}
model: [linear: 5, tanh, linear: 4, relu, linear: 3]
loss: cross_entropy
train: {batch_size: 4, accumulate: 1, optimizer: {sgd: {learning_rate: 0.1}}}
)";

/// Another dataset, of which every sample that is read notes how many kernels have run until then.
class WatchedDataset : public Dataset {
 public:
  explicit WatchedDataset(std::shared_ptr<const Dataset> watched) : watched_(std::move(watched)) {}
  void fields(FieldVisitor&) override {}
  void open(const std::string&) override {}
  Schema schema() const override { return watched_->schema(); }
  std::int64_t size() const override { return watched_->size(); }
  void read(std::int64_t index, Sample& sample) const override {
    kernels_.push_back(simt::usage().kernels);
    watched_->read(index, sample);
  }
  /// When the first sample of each batch was read.
  std::vector<std::int64_t> kernels_before_batches() const {
    std::vector<std::int64_t> before;
    for (std::size_t i = 0; i < kernels_.size(); i += kBatchSize) before.push_back(kernels_[i]);
    return before;
  }

 private:
  std::shared_ptr<const Dataset> watched_;
  mutable std::vector<std::int64_t> kernels_;
};

/// Of a step that is profiled.
struct Kernels {
  std::int64_t all = 0;
  std::int64_t early = 0;  // those that had run once the step was enqueued, before its end was waited for
};

Kernels profile(std::int64_t accumulate) {
  RunConfig config = parse_run_config(kModel, "run");
  config.train.accumulate = accumulate;
  const DataSource source(config, ".");
  const Model model(config, *source.pipeline());
  const Compute compute({.device = "cuda:0"});
  const auto samples = std::make_shared<WatchedDataset>(source.part(DataSource::Part::train));
  TrainingProgram program(model, compute.stream(), kBatchSize);
  Loader loader(samples, source.pipeline(),
                {.batch_size = kBatchSize, .mode = Mode::training, .workers = 0, .held = 2});
  profile_steps(program, model, loader, compute.stream(), {.steps = 3});
  // A batch is read as soon as the one before is enqueued; by then the step before has been waited for.
  constexpr std::size_t kStep = 3;
  const auto batches = static_cast<std::size_t>(accumulate);
  const std::vector<std::int64_t> before = samples->kernels_before_batches();
  const std::size_t first = kStep * batches + 1;
  return {.all = before.at(first + batches) - before.at(first),
          .early = before.at(first + batches - 1) - before.at(first)};
}

class SimulatedProfile : public SimulatedRuntime {};

TEST_F(SimulatedProfile, DoesNotWaitForTheBatchesOfAStep) {
  constexpr std::int64_t kBatches = 4;
  for_each_seed([] {
    const Kernels step = profile(kBatches);
    const std::int64_t of_a_batch = profile(kBatches + 1).all - step.all;
    EXPECT_GT(of_a_batch, 0);
    EXPECT_LT(step.early, (kBatches - 1) * of_a_batch);
  });
}

}  // namespace
}  // namespace slipway::test
