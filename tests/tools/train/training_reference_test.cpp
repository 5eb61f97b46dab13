#include <gtest/gtest.h>

#include "core/io/hdf5.h"
#include "core/runtime/step_state.h"
#include "tests/support/op_case.h"
#include "tests/support/paths.h"
#include "tools/train/data_source.h"
#include "tools/train/training_program.h"
#include "tools/train/workloads.h"

namespace slipway::test {
namespace {

/// The workload's configuration with every dropout at 0.
RunConfig without_dropout(const std::string& workload) {
  std::string yaml = find_workload(workload).yaml;
  const std::string key = "dropout: ";
  for (std::size_t at = yaml.find(key); at != std::string::npos; at = yaml.find(key, at + key.size())) {
    const std::size_t value = at + key.size();
    yaml.replace(value, yaml.find('\n', value) - value, "0");
  }
  return parse_run_config(yaml, workload);
}

/// Trains a workload from the weights and on the batches of tests/reference/training.py.
void expect_follows_pytorch(const std::string& workload, const Stream& stream) {
  SCOPED_TRACE(
      text(workload, ", ", stream.threads, " threads", stream.deterministic ? ", deterministic" : ""));
  const hdf5::Group reference = hdf5::File::open(build_path("reference/training.h5")).group(workload);
  const Tensor inputs = reference.read("inputs"), labels = reference.read("labels");
  const Tensor losses = reference.read("losses");
  RunConfig config = without_dropout(workload);
  DataSource source(config, ".");
  const Model model(config, *source.pipeline());
  TrainingProgram program(model, stream, inputs.shape()[1]);

  std::size_t written = 0;
  for (const std::string& name : program.variables().names()) {
    if (!program.is_parameter(name) && !program.is_model_state(name)) continue;
    program.variables().write(name, reference.read("variables/" + name));
    ++written;
  }
  EXPECT_EQ(written, reference.group("variables").names().size());

  StepState::set_learning_rate(program.variables(), reference.number_attribute("learning_rate"));
  for (std::int64_t step = 0; step < inputs.shape()[0]; ++step) {
    const auto of_step = [&](const Tensor& all) {
      return all.slice(0, step, step + 1).clone().reshaped(all.shape().without(0));
    };
    StepState::set_step(program.variables(), step);
    const TrainingProgram::Result result =
        program.run({of_step(inputs), of_step(labels)}, TrainingProgram::Phase::update);
    EXPECT_NEAR(result.loss, losses.at({step}), 1e-4) << "step " << step;
  }
  for (const std::string& name : reference.group("after").names()) {
    EXPECT_LE(relative_difference(program.variables().read(name), reference.read("after/" + name)), 1e-2)
        << name;
  }
}

TEST(TrainingReference, MnistCnnFollowsPyTorch) {
  for (const int threads : {1, 2}) expect_follows_pytorch("mnist_cnn", {.threads = threads});
  expect_follows_pytorch("mnist_cnn", {.threads = 2, .deterministic = true});
}

TEST(TrainingReference, Resnet18FollowsPyTorch) {
  expect_follows_pytorch("resnet18_cifar", {.threads = 2});
  expect_follows_pytorch("resnet18_cifar", {.threads = 2, .deterministic = true});
}

}  // namespace
}  // namespace slipway::test
