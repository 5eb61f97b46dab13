#include "layers/ops/pack.h"

#include <array>

#include "core/graph/passes/passes.h"
#include "core/runtime/executor.h"
#include "layers/ops/binary.h"
#include "layers/ops/reorder.h"
#include "layers/ops/structural.h"
#include "tests/support/op_case.h"

namespace slipway::test {
namespace {

std::vector<float> values(const TensorView& view) {
  return {view.as<float>().begin(), view.as<float>().end()};
}

TEST(Pack, PutsValuesAtTheirOffsetsAndZeroesTheGaps) {
  const Pack pack(DType::float32, {1, 4, 6}, 9);
  const Tensor flat = run_op(
      pack, {Tensor::of<float>({2}, {1, 2}), Tensor::of<float>({1, 1}, {3}), Tensor::of<float>({2}, {4, 5})});
  EXPECT_EQ(values(flat), (std::vector<float>{0, 1, 2, 0, 3, 0, 4, 5, 0}));
  EXPECT_EQ(pack.packing_offsets(), (std::vector<std::size_t>{4, 16, 24}));
}

TEST(Pack, RefusesWhatDoesNotFit) {
  const Tensor three = Tensor::zeros(DType::float32, {3});
  EXPECT_THROW(run_op(Pack(DType::float32, {0, 2}, 5), {three, three}), Error);
  EXPECT_THROW(run_op(Pack(DType::float32, {0, 3}, 5), {three, three}), Error);
  EXPECT_THROW(run_op(Pack(DType::float32, {0}, 3), {three, three}), Error);
  EXPECT_THROW(run_op(Pack(DType::float64, {0}, 3), {three}), Error);
}

/// Sums of inputs, packed: some in place in the flat value, one of them twice, one input as it is.
Graph packing_graph() {
  Graph graph;
  const auto add = structural_ops().add;
  const Value a = graph.input("a", {DType::float32, {2}}), b = graph.input("b", {DType::float32, {2}});
  const Value sum = graph.add(add, {a, b}), twice = graph.add(add, {sum, sum});
  const Value flat = graph.add(Pack(DType::float32, {0, 16, 20, 32}, 48), {sum, twice, sum, b});
  graph.output("flat", flat);
  return graph;
}

TEST(Pack, ProducersWriteIntoIt) {
  for (const MemoryReuse reuse : {MemoryReuse::shared, MemoryReuse::separate}) {
    Executor executor(packing_graph(), {}, Variables(), {.reuse = reuse});
    const Tensor a = Tensor::of<float>({2}, {1, 2}), b = Tensor::of<float>({2}, {10, 20});
    executor.bind("a", a);
    executor.bind("b", b);
    executor.run();
    std::vector<float> expected(48, 0.0f);
    const auto put = [&](std::size_t at, float first, float second) {
      expected[at] = first;
      expected[at + 1] = second;
    };
    put(0, 11, 22);
    put(16, 22, 44);
    put(20, 11, 22);
    put(32, 10, 20);
    EXPECT_EQ(values(executor.output("flat")), expected);
    const MemoryPlan& plan = executor.memory();
    const bool in_place = plan.values[2][0].offset == plan.values[4][0].offset &&
                          plan.values[3][0].offset == plan.values[4][0].offset + 64;
    EXPECT_EQ(in_place, reuse == MemoryReuse::shared);
  }
}

TEST(Pack, TakesMemoryInTheLayoutAskedFor) {
  const Shape shape{1, 3, 1, 2};
  const Layout blocked = Layout::blocked(shape, {0, 1, 2, 3}, {{1, 4}});
  Graph graph;
  const Value x = graph.input("x", {DType::float32, shape});
  graph.output("flat", graph.add(Pack(DType::float32, {1}, 10, {blocked}), {x}));
  Executor executor(assign_layouts(graph, {}, structural_ops(), nullptr), {}, Variables());
  const Tensor input = Tensor::of<float>(shape, {1, 2, 3, 4, 5, 6});
  executor.bind("x", input);
  executor.run();
  EXPECT_EQ(values(executor.output("flat")), (std::vector<float>{0, 1, 3, 5, 0, 2, 4, 6, 0, 0}));
}

TEST(Pack, RefusesALayoutWhosePaddingDoesNotFit) {
  const Shape shape{1, 3};
  Graph graph;
  const Value x = graph.input("x", {DType::float32, shape});
  graph.output("flat",
               graph.add(Pack(DType::float32, {0}, 10, {Layout::blocked(shape, {0, 1}, {{1, 16}})}), {x}));
  EXPECT_THROW(Executor(assign_layouts(graph, {}, structural_ops(), nullptr), {}, Variables()), Error);
}

}  // namespace
}  // namespace slipway::test
