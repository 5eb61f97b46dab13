#include "tests/support/random_graph.h"

#include <algorithm>

#include "core/graph/passes/passes.h"
#include "core/runtime/executor.h"
#include "layers/ops/binary.h"
#include "layers/ops/cast.h"
#include "layers/ops/fill.h"
#include "layers/ops/reduce.h"
#include "layers/ops/relu.h"
#include "layers/ops/structural.h"
#include "layers/ops/unary.h"

namespace slipway::test {
namespace {

std::size_t at(int i) { return static_cast<std::size_t>(i); }

}  // namespace

RandomGraph::RandomGraph(std::uint64_t seed, Casts casts) : random_(Philox{.key = seed}), casts_(casts) {
  for (const Shape& shape : {Shape{5, 33}, Shape{5, 33}, Shape{33}, Shape{5, 1}, Shape{}}) {
    const std::string name = text("input", inputs_.size());
    Tensor tensor(DType::float32, shape);
    for (float& value : tensor.as<float>()) value = static_cast<float>(random_.uniform(-2, 2));
    inputs_.emplace_back(name, tensor);
    values_.push_back(graph_.input(name, tensor.type()));
  }
  for (int i = 0; i < 40; ++i) values_.push_back(next());
  for (int i = 0; i < 4; ++i) graph_.output(text("output", i), values_[values_.size() - 1 - 3 * at(i)]);
}

std::vector<Tensor> RandomGraph::run(Graph graph, const Stream& stream) const {
  graph = assign_layouts(graph, stream, structural_ops(), nullptr);
  Executor executor(std::move(graph), stream, Variables());
  for (const auto& [name, tensor] : inputs_) executor.bind(name, tensor);
  executor.run();
  std::vector<Tensor> results;
  for (int i = 0; i < 4; ++i) results.push_back(executor.read(text("output", i)));
  return results;
}

/// Recent values more often than old ones: so chains arise.
Value RandomGraph::any() {
  return values_[values_.size() - 1 - std::min(below(values_.size()), below(values_.size()))];
}

Value RandomGraph::like(Value value) {
  for (;;) {
    const Value other = any();
    if (graph_.type(other).dtype == graph_.type(value).dtype) return other;
  }
}

Value RandomGraph::next() {
  constexpr UnaryFunction kUnary[] = {UnaryFunction::neg,       UnaryFunction::abs,  UnaryFunction::sigmoid,
                                      UnaryFunction::tanh,      UnaryFunction::silu, UnaryFunction::softplus,
                                      UnaryFunction::gelu_tanh, UnaryFunction::gelu};
  constexpr BinaryFunction kBinary[] = {BinaryFunction::add, BinaryFunction::subtract,
                                        BinaryFunction::maximum, BinaryFunction::minimum};
  const auto unary = [this](UnaryFunction function, Value x) { return graph_.add(Unary(function), {x}); };
  const auto binary = [this](BinaryFunction function, Value a, Value b) {
    return graph_.add(Binary(function), {a, b});
  };
  const Value x = any();
  const DType dtype = graph_.type(x).dtype;
  switch (below(12)) {
    case 0:
      return binary(kBinary[below(4)], x, graph_.add(Fill(dtype, {}, 0.3), {}));
    case 1:
      return graph_.add(Relu(below(2) == 0 ? 0 : 0.1), {x});
    case 2:  // keeps values small
      return unary(UnaryFunction::tanh, binary(BinaryFunction::multiply, x, like(x)));
    case 3:
      return graph_.type(x).shape.rank() == 0
                 ? x
                 : graph_.add(Reduce(ReduceFunction::mean, {-1}, Reduce::Axes::kept), {x});
    case 4:
      return cast(x);
    case 5:
    case 6:
    case 7:
      return unary(kUnary[below(8)], x);
    default:
      return binary(kBinary[below(4)], x, like(x));
  }
}

Value RandomGraph::cast(Value x) {
  if (casts_ == Casts::none) return x;
  const DType first = casts_ == Casts::wide ? DType::float64 : DType::float16;
  const DType second = casts_ == Casts::wide ? DType::int32 : DType::bfloat16;
  if (graph_.type(x).dtype != DType::float32) return graph_.add(Cast(DType::float32), {x});
  const Value other = graph_.add(Cast(below(2) == 0 ? first : second), {x});
  // An integer has few functions.
  return graph_.type(other).dtype == DType::int32 ? graph_.add(Cast(DType::float32), {other}) : other;
}

}  // namespace slipway::test
