#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/runtime/executor.h"
#include "core/runtime/step_state.h"
#include "optim/accumulation.h"
#include "optim/average.h"
#include "optim/clipping.h"
#include "tests/support/op_case.h"
#include "tests/support/torch.h"

namespace slipway::test {
namespace {

struct Clipped {
  double norm, scale;
};

Clipped clip(const Tensor& gradients, double scale, double max_norm, int threads = 1) {
  Graph graph;
  const ClippedGradient clipped =
      clip_by_norm(graph, graph.input("g", gradients.type()), {.scale = scale, .max_norm = max_norm});
  graph.output("norm", clipped.norm);
  graph.output("scale", clipped.scale);
  Executor executor(graph, Stream{.threads = threads}, Variables());
  executor.bind("g", gradients);
  executor.run();
  return {*executor.output("norm").pointer<float>(), *executor.output("scale").pointer<float>()};
}

TEST(Clipping, FollowsPyTorch) {
  const hdf5::File reference = torch_reference(
      "for name, count, limit in (('small', 5, 100.0), ('large', 70001, 2.5), ('one', 1, 0.1)):\n"
      "    p = torch.zeros(count, requires_grad=True); p.grad = torch.randn(count)\n"
      "    g = p.grad.clone()\n"
      "    norm = torch.nn.utils.clip_grad_norm_([p], limit)\n"
      "    save_all(name, g=g, limit=limit, norm=norm, factor=p.grad[0] / g[0])\n");
  for (const std::string& name : reference.names()) {
    const hdf5::Group group = reference.group(name);
    for (const DType dtype : {DType::float32, DType::float64}) {
      const Clipped clipped = clip(group.read("g").cast(dtype), 1, group.read("limit").item());
      EXPECT_NEAR(clipped.norm / group.read("norm").item(), 1, 1e-6) << name;
      EXPECT_NEAR(clipped.scale / group.read("factor").item(), 1, 1e-6) << name;
    }
  }
}

TEST(Clipping, ScalesFirst) {
  const Tensor gradients = Tensor::of<float>({2}, {6, 8});
  const Clipped clipped = clip(gradients, 0.5, 1);
  EXPECT_FLOAT_EQ(static_cast<float>(clipped.norm), 5);
  EXPECT_NEAR(clipped.scale, 0.1, 1e-6);
  const Clipped measured = clip(gradients, 0.5, std::numeric_limits<double>::infinity());
  EXPECT_EQ(measured.scale, 0.5);
}

TEST(Clipping, NotFiniteIsNaN) {
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    const Tensor gradients = Tensor::of<float>({3}, {1, bad, 2});
    EXPECT_TRUE(std::isnan(clip(gradients, 1, 1).scale));
    EXPECT_TRUE(std::isnan(clip(gradients, 1, std::numeric_limits<double>::infinity()).scale));
  }
}

TEST(Clipping, ThreadsDoNotChangeBits) {
  Tensor gradients(DType::float32, {123457});
  for (std::size_t i = 0; i < 123457; ++i) gradients.as<float>()[i] = std::sin(static_cast<float>(i));
  const Clipped one = clip(gradients, 1, 1);
  for (const int threads : {2, 3}) EXPECT_EQ(one.norm, clip(gradients, 1, 1, threads).norm);
}

TEST(Accumulation, AddsUpAndStartsAfresh) {
  Graph add, last;
  Variables variables;
  const Tensor x = Tensor::of<float>({3}, {1, 2, 3});
  for (Graph* graph : {&add, &last}) {
    const Value sum = graph->variable({.name = "sum", .shape = {3}, .initialize = nullptr});
    const Value total = accumulate(*graph, sum, graph->input("x", x.type()));
    if (graph == &add) continue;
    graph->output("norm", clip_by_norm(*graph, total).norm);
    set_zero(*graph, sum);
  }
  variables.allocate(add);
  Executor adding(add, {}, variables), finishing(last, {}, variables);
  adding.bind("x", x);
  finishing.bind("x", x);
  for (int repeat = 0; repeat < 2; ++repeat) {
    adding.run();
    adding.run();
    EXPECT_EQ(variables["sum"].at({2}), 6);
    finishing.run();
    EXPECT_FLOAT_EQ(*finishing.output("norm").pointer<float>(), std::sqrt(9.0f + 36 + 81));
    EXPECT_EQ(variables["sum"].at({2}), 0);
  }
}

TEST(WeightAverage, FollowsPyTorch) {
  const hdf5::File reference = torch_reference(
      "model = torch.nn.Linear(7, 1, bias=False)\n"
      "average = torch.optim.swa_utils.AveragedModel(model, avg_fn=lambda a, p, n: 0.9 * a + 0.1 * p)\n"
      "weights, averages = [], []\n"
      "for t in range(20):\n"
      "    with torch.no_grad(): model.weight += torch.randn(1, 7)\n"
      "    average.update_parameters(model)\n"
      "    weights.append(model.weight.detach().clone()[0]); "
      "averages.append(average.module.weight.detach().clone()[0])\n"
      "save('weights', torch.stack(weights)); save('averages', torch.stack(averages))\n");
  const Tensor weights = reference.read("weights"), averages = reference.read("averages");
  Graph graph;
  WeightAverage settings;
  settings.decay = 0.9;
  settings.build(graph, graph.input("p", {DType::float64, {7}}), StepState::step(graph));
  Variables variables;
  variables.allocate(graph);
  Executor executor(graph, {}, variables);
  for (std::int64_t t = 0; t < 20; ++t) {
    StepState::set_step(variables, t);
    const Tensor row = weights.slice(0, t, t + 1).reshaped({7});
    executor.bind("p", row);
    executor.run();
    EXPECT_LE(relative_difference(variables[WeightAverage::kName], averages.slice(0, t, t + 1).reshaped({7})),
              1e-12);
  }
}

}  // namespace
}  // namespace slipway::test
