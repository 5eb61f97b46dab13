#include "layers/ops/synced_batch_norm.h"

#include <gtest/gtest.h>

#include "core/graph/autograd.h"
#include "core/runtime/executor.h"
#include "layers/ops/binary.h"
#include "layers/ops/reduce.h"
#include "layers/ops/structural.h"
#include "tests/support/local_ranks.h"
#include "tests/support/op_case.h"

namespace slipway::test {
namespace {

OP_CASES(BatchMoments, {{.name = "image",
                         .op = std::make_shared<BatchMoments>(),
                         .inputs = {{.shape = {3, 17, 5, 7}}},
                         .gradient = false,
                         .onnx = false},
                        {.name = "rows",
                         .op = std::make_shared<BatchMoments>(),
                         .inputs = {{.shape = {31, 33}, .low = 99, .high = 100}},
                         .tolerance = 1e-4,
                         .gradient = false,
                         .onnx = false},
                        {.name = "no_rows",
                         .op = std::make_shared<BatchMoments>(),
                         .inputs = {{.shape = {0, 5, 3, 3}}},
                         .gradient = false,
                         .onnx = false}});

/// y and the gradients of x, scale and shift for a loss that weighs every element of y differently.
struct Normalised {
  Tensor y, dx, dscale, dshift, mean, variance;
};

constexpr std::int64_t kChannels = 3;
const BatchNormOptions kOptions{.epsilon = 1e-3, .momentum = 0.25};

/// The rows [begin, end) of a batch, normalised by `add`, which appends the op under test and its two running
/// statistics.
using AddNorm = std::function<SyncedBatchNormOutputs(Graph&, const std::vector<Value>&)>;
Normalised normalise(const Tensor& x, const Tensor& weights, const AddNorm& add) {
  Graph graph;
  const Value input = graph.input("x", x.type()), weight = graph.input("weights", weights.type());
  const auto channels = [&](const char* name, double value) {
    return graph.variable({.name = name,
                           .dtype = DType::float64,
                           .shape = {kChannels},
                           .initialize = [value](const TensorView& view) {
                             for (std::int64_t c = 0; c < kChannels; ++c)
                               view.as<double>()[static_cast<std::size_t>(c)] =
                                   value + 0.5 * static_cast<double>(c);
                           }});
  };
  const std::vector<Value> inputs = {input, channels("scale", 0.75), channels("shift", -1),
                                     channels("mean", 2), channels("variance", 1)};
  const SyncedBatchNormOutputs added = add(graph, inputs);
  graph.update(inputs[3], added.running_mean);
  graph.update(inputs[4], added.running_variance);
  graph.output("y", added.y);
  const Value weighted = graph.add(Binary(BinaryFunction::multiply), {added.y, weight});
  const Value loss = graph.add(Reduce::all(ReduceFunction::sum, x.shape().rank()), {weighted});
  const std::vector<Value> wrt = {input, inputs[1], inputs[2]};
  const std::vector<Value> gradients = slipway::gradients(graph, loss, wrt, structural_ops());
  for (std::size_t i = 0; i < wrt.size(); ++i) graph.output(text("gradient", i), gradients[i]);
  Variables variables;
  variables.allocate(graph);
  Executor executor(std::move(graph), {}, variables);
  executor.bind("x", x);
  executor.bind("weights", weights);
  executor.run();
  return {executor.read("y"),         executor.read("gradient0"), executor.read("gradient1"),
          executor.read("gradient2"), variables.read("mean"),     variables.read("variance")};
}

void expect_near(const Tensor& actual, const Tensor& expected) {
  ASSERT_EQ(actual.shape(), expected.shape());
  EXPECT_LT(relative_difference(actual, expected), 1e-12) << actual << '\n' << expected;
}

/// Against the same rows on one rank: of 5 rows, the first of four ranks has one, of 2 rows none.
TEST(SyncedBatchNorm, NormalisesByTheStatisticsOfAllRanks) {
  for (const std::int64_t samples : {2, 5}) {
    const Shape shape{samples, kChannels, 2, 2};
    const OpCase random{.name = "x", .op = nullptr, .inputs = {{.shape = shape, .low = 3}, {.shape = shape}}};
    const Tensor x = make_input(random, 0, DType::float64), weights = make_input(random, 1, DType::float64);
    const Normalised whole = normalise(x, weights, [](Graph& graph, const std::vector<Value>& inputs) {
      const std::vector<Value> outputs = graph.add_all(BatchNormTraining(kOptions), inputs);
      return SyncedBatchNormOutputs{outputs[BatchNormTraining::kY], outputs[BatchNormTraining::kRunningMean],
                                    outputs[BatchNormTraining::kRunningVariance]};
    });
    for (const int count : {1, 2, 3, 4}) {
      run_on_ranks(count, [&](Communicator& ranks) {
        const BatchShard shard{.ranks = ranks, .samples = samples};
        const auto part = [&](const Tensor& all) {
          return all.slice(0, shard.begin(), shard.begin() + shard.size()).clone();
        };
        const Normalised own =
            normalise(part(x), part(weights), [&](Graph& graph, const std::vector<Value>& inputs) {
              return add_synced_batch_norm(graph, shard, kOptions, inputs, "norm");
            });
        expect_near(own.y, part(whole.y));
        expect_near(own.dx, part(whole.dx));
        expect_near(own.mean, whole.mean);
        expect_near(own.variance, whole.variance);
        ranks.all_reduce({}, own.dscale, "the test");
        ranks.all_reduce({}, own.dshift, "the test");
        expect_near(own.dscale, whole.dscale);
        expect_near(own.dshift, whole.dshift);
      });
    }
  }
}

}  // namespace
}  // namespace slipway::test
