#include "core/runtime/memory_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "core/base/random.h"
#include "core/runtime/executor.h"
#include "layers/ops/binary.h"
#include "layers/ops/pack.h"
#include "layers/ops/reduce.h"
#include "layers/ops/relu.h"
#include "layers/ops/reshape.h"
#include "layers/ops/split_axis.h"
#include "layers/ops/unary.h"

namespace slipway {
namespace {

constexpr std::int64_t kSmall = 24, kLarge = 60;

/// y = x, by way of scratch memory, which it fills first.
class ThroughScratch : public Op {
 public:
  std::string_view name() const override { return "through_scratch"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override { return {inputs[0]}; }
  std::unique_ptr<OpState> prepare(PrepareContext& context) const override {
    context.scratch_bytes = context.inputs[0].bytes();
    return nullptr;
  }
  void run(OpContext& context) const override {
    const std::size_t bytes = context.input(0).type.bytes();
    std::memset(context.output().data, 0x7f, bytes);
    std::memset(context.scratch, 0x55, bytes);
    for (std::size_t i = 0; i < bytes; ++i) context.scratch[i] = context.input(0).data[i];
    std::memcpy(context.output().data, context.scratch, bytes);
  }
};

/// A few dozen ops of every kind that the planner treats differently, on values read at random.
Graph random_graph(std::uint64_t seed) {
  RandomSequence random({.key = seed});
  Graph graph;
  std::vector<Value> values = {graph.input("small", {DType::float32, {kSmall}}),
                               graph.input("large", {DType::float32, {kLarge}})};
  const auto pick = [&](std::int64_t elements) {
    for (;;) {
      const Value value = values[random.below(values.size())];
      if (graph.type(value).elements() == elements) return value;
    }
  };
  const auto any = [&] { return pick(random.below(2) ? kSmall : kLarge); };
  const auto flat = [&](Value value) {
    return graph.type(value).shape.rank() == 1 ? value : graph.add(Reshape({-1}), {value});
  };
  for (int step = 0; step < 30; ++step) {
    switch (random.below(8)) {
      case 0: {
        const std::int64_t elements = random.below(2) ? kSmall : kLarge;
        const Value a = flat(pick(elements)), b = flat(pick(elements));
        values.push_back(graph.add(Binary(BinaryFunction::add), {a, b}));
        break;
      }
      case 1:
        values.push_back(graph.add(Relu(0.5), {any()}));
        break;
      case 2:
        values.push_back(graph.add(Unary(UnaryFunction::neg), {any()}));
        break;
      case 3:
        values.push_back(graph.add(Reshape({-1, 6}), {any()}));
        break;
      case 4:
        values.push_back(graph.add(ThroughScratch(), {any()}));
        break;
      case 5: {
        const auto parts = graph.add_all(SplitAxis(0, {kSmall, kLarge - kSmall}), {flat(pick(kLarge))});
        values.push_back(parts[0]);
        break;
      }
      default: {  // a pack of values in any state: views, inputs, one twice, ones read again later
        const Value a = pick(kSmall), b = pick(kSmall);
        values.push_back(graph.add(Pack(DType::float32, {0, 32}, kLarge), {a, b}));
        break;
      }
    }
  }
  for (int i = 0; i < 4; ++i) graph.output(text("output", i), any());
  return graph;
}

std::vector<Tensor> run(const Graph& graph, MemoryReuse reuse) {
  Executor executor(graph, {}, Variables(), {.reuse = reuse});
  std::vector<Tensor> inputs;
  for (const auto& [name, size] : {std::pair("small", kSmall), std::pair("large", kLarge)}) {
    Tensor input(DType::float32, {size});
    for (std::int64_t i = 0; i < size; ++i) {
      input.as<float>()[static_cast<std::size_t>(i)] = static_cast<float>(i % 3 == 0 ? -i : i + 1);
    }
    inputs.push_back(input);
    executor.bind(name, input);
  }
  std::memset(executor.workspace().data(), 0xff, executor.workspace().bytes());
  executor.run();
  std::vector<Tensor> results;
  for (const auto& [name, value] : graph.outputs()) {
    Tensor copy(executor.output(name).type);
    copy_elements(executor.output(name), copy);
    results.push_back(copy);
  }
  return results;
}

TEST(MemoryPlan, SharedMemoryGivesTheSameBits) {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const Graph graph = random_graph(seed);
    const auto shared = run(graph, MemoryReuse::shared), separate = run(graph, MemoryReuse::separate);
    for (std::size_t i = 0; i < shared.size(); ++i) {
      ASSERT_EQ(std::memcmp(shared[i].view().data, separate[i].view().data, shared[i].type().bytes()), 0)
          << "seed " << seed << ", output " << i << '\n'
          << graph;
    }
  }
}

/// A range of the arena, and the steps [first, last] at which it must hold one value.
struct Occupied {
  std::size_t begin, end;
  int first, last;
};

// Without ops that share memory on purpose, what lives at the same time lies apart.
TEST(MemoryPlan, LiveValuesDoNotOverlap) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    RandomSequence random({.key = seed, .stream = 1});
    Graph graph;
    std::vector<Value> values = {graph.input("x", {DType::float32, {kSmall}})};
    std::vector<int> last = {0};
    std::vector<std::size_t> scratch = {0};
    for (int step = 1; step < 40; ++step) {
      const std::size_t from = random.below(values.size());
      const auto elements = static_cast<std::int64_t>(1 + random.below(200));
      const Value flat = graph.add(Pack(DType::float32, {0}, kSmall + elements), {values[0]});
      const Value y = graph.add(Binary(BinaryFunction::maximum),
                                {graph.add(Reduce::all(ReduceFunction::max, 1), {values[from]}), flat});
      values.push_back(y);
    }
    scratch.assign(graph.nodes().size(), 0);
    for (std::size_t& bytes : scratch) bytes = random.below(3) == 0 ? 4 * random.below(100) : 0;
    const MemoryPlan plan = plan_memory(graph, scratch, MemoryReuse::shared);
    last.assign(graph.nodes().size(), 0);
    for (int i = 0; i < static_cast<int>(graph.nodes().size()); ++i) {
      last[static_cast<std::size_t>(i)] = std::max(last[static_cast<std::size_t>(i)], i);
      for (const Value input : graph.node(i).inputs) last[static_cast<std::size_t>(input.node)] = i;
    }
    std::vector<Occupied> occupied;
    for (int i = 1; i < static_cast<int>(graph.nodes().size()); ++i) {
      const auto at = static_cast<std::size_t>(i);
      const std::size_t bytes = graph.node(i).outputs[0].bytes();
      const MemoryPlan::Place place = plan.values[at][0];
      ASSERT_EQ(place.leaf, MemoryPlan::kArena);
      ASSERT_LE(place.offset + bytes, plan.arena_bytes);
      ASSERT_EQ(place.offset % 64, 0u);
      occupied.push_back({place.offset, place.offset + bytes, i, last[at]});
      if (scratch[at] == 0) continue;
      ASSERT_LE(plan.scratch[at] + scratch[at], plan.arena_bytes);
      occupied.push_back({plan.scratch[at], plan.scratch[at] + scratch[at], i, i});
    }
    for (std::size_t a = 0; a < occupied.size(); ++a) {
      for (std::size_t b = a + 1; b < occupied.size(); ++b) {
        const Occupied &p = occupied[a], &q = occupied[b];
        const bool handed_over = p.begin == q.begin && p.last == q.first;  // in place
        const bool apart = p.end <= q.begin || q.end <= p.begin || p.last < q.first || q.last < p.first;
        ASSERT_TRUE(apart || handed_over) << "seed " << seed << ": nodes " << p.first << " and " << q.first;
      }
    }
  }
}

TEST(MemoryPlan, ReusesMemoryOfValuesThatAreDone) {
  Graph graph;
  Value y = graph.input("x", {DType::float32, {1024}});
  for (int i = 0; i < 10; ++i) y = graph.add(ThroughScratch(), {y});
  graph.output("y", y);
  const std::vector<std::size_t> scratch(graph.nodes().size(), 0);
  const MemoryPlan plan = plan_memory(graph, scratch, MemoryReuse::shared);
  EXPECT_EQ(plan.arena_bytes, 2u * 4096);
  EXPECT_EQ(plan.total_bytes, 10u * 4096);
  EXPECT_EQ(plan_memory(graph, scratch, MemoryReuse::separate).arena_bytes, plan.total_bytes);
}

TEST(MemoryPlan, WorksInPlaceOnlyOnAValueThatNoOneNeedsAgain) {
  Graph graph;
  const Value x = graph.input("x", {DType::float32, {1024}});
  const Value a = graph.add(Relu(), {x}), b = graph.add(Relu(), {a}), c = graph.add(Relu(), {a});
  graph.output("b", b);
  graph.output("c", c);
  const MemoryPlan plan =
      plan_memory(graph, std::vector<std::size_t>(graph.nodes().size(), 0), MemoryReuse::shared);
  EXPECT_EQ(plan[a].leaf, MemoryPlan::kArena);  // never in the caller's input
  EXPECT_NE(plan[b].offset, plan[a].offset);
  EXPECT_EQ(plan[c].offset, plan[a].offset);
}

}  // namespace
}  // namespace slipway
