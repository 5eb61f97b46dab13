#include "optim/loss_scaling.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "core/graph/autograd.h"
#include "core/runtime/executor.h"
#include "layers/ops/binary.h"
#include "layers/ops/structural.h"
#include "optim/clipping.h"
#include "tests/support/cuda_device.h"
#include "tests/support/torch.h"

namespace slipway::test {
namespace {

/// On the CPU, and on a GPU if there is one.
class LossScalingTest : public testing::Test {
 protected:
  LossScalingTest() {
    if (const std::optional<Device> device = find_cuda_device()) queue_.emplace(*device);
  }
  std::vector<Stream> streams() const {
    std::vector<Stream> result(1);
    if (queue_) result.push_back({.device = queue_->device(), .native = queue_->native()});
    return result;
  }

  /// A graph that reads "gradient_scale" and adjusts the state.
  static Graph adjusting(const LossScaling::Options& options) {
    Graph graph;
    const Value gradient_scale = graph.input("gradient_scale", {DType::float32, {}});
    LossScaling(graph, options).adjust(gradient_scale);
    return graph;
  }
  /// Keeps what it binds.
  void bind(Executor& executor, const char* input, const Tensor& value) {
    executor.bind(input, bound_[input] = value);
  }
  static double read(const Variables& variables, const char* name) { return variables.read(name).item(); }

 private:
  std::optional<Queue> queue_;
  std::map<std::string, Tensor> bound_;
};

TEST_F(LossScalingTest, FollowsPyTorch) {
  // The part of PyTorch that scales on CPUs; its package does not load in every version of Python.
  const hdf5::File reference = torch_reference(
      "import importlib.util, os\n"
      "path = os.path.join(os.path.dirname(torch.__file__), 'distributed/fsdp/sharded_grad_scaler.py')\n"
      "spec = importlib.util.spec_from_file_location('scaler', path)\n"
      "module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)\n"
      "scaler = module.ShardedGradScaler.__new__(module.ShardedGradScaler)\n"
      "scaler._scale, scaler._growth_tracker = torch.tensor(65536.0), 0\n"
      "scaler._growth_factor, scaler._backoff_factor, scaler._growth_interval = 2.0, 0.5, 3\n"
      "overflows = torch.rand(60) < 0.3\n"
      "scales, trackers = [], []\n"
      "for overflow in overflows:\n"
      "    scaler._amp_update_scale_cpu_(overflow.double())\n"
      "    scales.append(scaler._scale.item()); trackers.append(float(scaler._growth_tracker))\n"
      "save('overflows', overflows.double()); save('scales', scales); save('trackers', trackers)\n");
  const Tensor overflows = reference.read("overflows");
  for (const Stream& stream : streams()) {
    Graph graph = adjusting({.interval = 3});
    Variables variables(stream);
    variables.allocate(graph);
    EXPECT_EQ(read(variables, LossScaling::kScale), 65536);
    Executor executor(std::move(graph), stream, variables);
    double skipped = 0;
    for (std::int64_t i = 0; i < overflows.elements(); ++i) {
      const double gradient_scale = overflows.at({i}) > 0 ? std::nan("") : 0.5;
      bind(executor, "gradient_scale", Tensor::full(DType::float32, {}, gradient_scale));
      executor.run();
      skipped += overflows.at({i});
      EXPECT_EQ(read(variables, LossScaling::kScale), reference.read("scales").at({i})) << "step " << i;
      EXPECT_EQ(read(variables, LossScaling::kGoodSteps), reference.read("trackers").at({i})) << "step " << i;
      EXPECT_EQ(read(variables, LossScaling::kSkippedSteps), skipped) << "step " << i;
    }
  }
}

TEST_F(LossScalingTest, NeverGrowsToInfinity) {
  const double largest = std::ldexp(1.0, 127);
  for (const Stream& stream : streams()) {
    Graph graph = adjusting({.initial = largest, .interval = 1});
    Variables variables(stream);
    variables.allocate(graph);
    Executor executor(std::move(graph), stream, variables);
    bind(executor, "gradient_scale", Tensor::full(DType::float32, {}, 1));
    executor.run();
    EXPECT_EQ(read(variables, LossScaling::kScale), largest);
    EXPECT_EQ(read(variables, LossScaling::kGoodSteps), 0);
  }
}

TEST_F(LossScalingTest, ScalesGradients) {
  for (const Stream& stream : streams()) {
    Graph graph;
    const Value x = graph.input("x", {DType::float32, {}});
    const Value loss = graph.add(Binary(BinaryFunction::multiply), {x, x});
    const LossScaling scaling(graph, {.initial = 1024});
    graph.output("loss", loss);
    graph.output("gradient",
                 gradients(graph, scaling.scaled(loss), std::vector<Value>{x}, structural_ops())[0]);
    Variables variables(stream);
    variables.allocate(graph);
    Executor executor(std::move(graph), stream, variables);
    bind(executor, "x", Tensor::full(DType::float32, {}, 3));
    executor.run();
    EXPECT_EQ(executor.read("loss").item(), 9);
    EXPECT_EQ(executor.read("gradient").item(), 2 * 3 * 1024);
  }
}

TEST_F(LossScalingTest, CountsUpdates) {
  for (const Stream& stream : streams()) {
    Graph graph;
    const LossScaling scaling(graph);
    graph.output("updates", scaling.updates(graph.input("step", {DType::int64, {}})));
    Variables variables(stream);
    variables.allocate(graph);
    variables.write(LossScaling::kSkippedSteps, Tensor::full(DType::int64, {}, 3));
    Executor executor(std::move(graph), stream, variables);
    bind(executor, "step", Tensor::full(DType::int64, {}, 10));
    executor.run();
    EXPECT_EQ(executor.read("updates").item(), 7);
  }
}

TEST_F(LossScalingTest, ClippingSeesUnscaledGradients) {
  constexpr double kScale = 512;
  for (const Stream& stream : streams()) {
    Graph graph;
    const Value gradients = graph.input("gradients", {DType::float32, {2}});
    const LossScaling scaling(graph, {.initial = kScale});
    const ClippedGradient clipped =
        clip_by_norm(graph, gradients, {.scale = 0.5, .max_norm = 1, .loss_scale = scaling.scale()});
    graph.output("norm", clipped.norm);
    graph.output("scale", clipped.scale);
    Variables variables(stream);
    variables.allocate(graph);
    Executor executor(std::move(graph), stream, variables);
    bind(executor, "gradients", Tensor::of<float>({2}, {6 * kScale, 8 * kScale}));
    executor.run();
    EXPECT_FLOAT_EQ(static_cast<float>(executor.read("norm").item()), 5);
    EXPECT_NEAR(executor.read("scale").item() * kScale, 0.1, 1e-6);
  }
}

}  // namespace
}  // namespace slipway::test
