#include "tools/train/profile.h"

#include <gtest/gtest.h>

#include <sstream>

#include "layers/ops/relu.h"
#include "layers/ops/unary.h"

namespace slipway {
namespace {

TEST(Profile, NodesCarryTimeAndCost) {
  Graph graph;
  const Value x = graph.input("x", {DType::float32, {1000}});
  const Value y = graph.add(Relu(), {graph.add(Relu(), {x}, "first")}, "second");
  graph.output("y", graph.add(Unary(UnaryFunction::tanh), {y}, "third"));
  Executor executor(graph, {}, Variables());
  const Tensor ones = Tensor::full(DType::float32, {1000}, 1);
  executor.bind("x", ones);
  const std::vector<NodeProfile> nodes = profile_step(executor, 3);
  ASSERT_EQ(nodes.size(), 3u);
  EXPECT_EQ(nodes[0].name, "first");
  for (const NodeProfile& node : nodes) {
    EXPECT_GT(node.seconds, 0);
    EXPECT_EQ(node.cost.bytes, 8000);
  }
  const std::vector<NodeProfile> ops = sum_by_op(nodes);
  ASSERT_EQ(ops.size(), 2u);
  EXPECT_EQ(ops[0].op, "relu");
  EXPECT_EQ(ops[0].count, 2);
  EXPECT_EQ(ops[0].cost.bytes, 16000);
  EXPECT_EQ(ops[0].seconds, nodes[0].seconds + nodes[1].seconds);
}

TEST(Profile, TheRooflineIsTheHigherOfTwoTimes) {
  const MachineRates rates{.flops_per_second = 100, .bytes_per_second = 10};
  EXPECT_DOUBLE_EQ(attainable_seconds({.flops = 200, .bytes = 10}, rates), 2);
  EXPECT_DOUBLE_EQ(attainable_seconds({.flops = 200, .bytes = 50}, rates), 5);
}

TEST(Profile, TheTableHasSharesRatesAndASum) {
  const MachineRates rates{.flops_per_second = 4e9, .bytes_per_second = 2e9};
  std::ostringstream out;
  write_roofline(out,
                 {{.op = "small", .seconds = 0.001, .cost = {.flops = 0, .bytes = 1e6}},
                  {.op = "large", .seconds = 0.003, .cost = {.flops = 6e6, .bytes = 0}}},
                 rates);
  EXPECT_EQ(out.str(),
            "machine: 4.0 GFLOP/s, 2.0 GB/s\n"
            "   time ms  share  nodes  GFLOP/s    GB/s  of roofline  op\n"
            "     3.000  75.0%      1      2.0     0.0        50.0%  large\n"
            "     1.000  25.0%      1      0.0     1.0        50.0%  small\n"
            "     4.000 100.0%      2      1.5     0.2        50.0%  together\n");
}

TEST(Profile, TheMachineIsMeasured) {
  const MachineRates rates = measure_machine({.threads = 1});
  EXPECT_GT(rates.flops_per_second, 1e8);
  EXPECT_GT(rates.bytes_per_second, 1e7);
}

}  // namespace
}  // namespace slipway
