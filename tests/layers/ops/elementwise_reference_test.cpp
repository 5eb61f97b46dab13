#include <gtest/gtest.h>

#include "core/graph/autograd.h"
#include "core/runtime/executor.h"
#include "layers/ops/binary.h"
#include "layers/ops/reduce.h"
#include "layers/ops/relu.h"
#include "layers/ops/structural.h"
#include "layers/ops/unary.h"
#include "tests/support/op_case.h"
#include "tests/support/torch.h"

namespace slipway::test {
namespace {

// Values and gradients of sum(w * f(...)) in float64; the extrema meet equal operands.
constexpr const char* kProgram = R"(
import torch.nn.functional as F
def case(name, f, *inputs):
    inputs = [x.detach().clone().requires_grad_() for x in inputs]
    y = f(*inputs)
    w = torch.randn(y.shape)
    (y * w).sum().backward()
    save_all(name, y=y, w=w)
    for i, x in enumerate(inputs): save_all(name, **{f'x{i}': x, f'dx{i}': x.grad})
x = torch.cat([torch.linspace(-9, 9, 97), torch.tensor([0.0])])
positive = x.abs() + 0.01
for name, f in dict(neg=torch.neg, exp=torch.exp, square=torch.square, abs=torch.abs, sigmoid=torch.sigmoid,
                    tanh=torch.tanh, silu=F.silu, softplus=lambda x: F.softplus(x, threshold=100), gelu=F.gelu,
                    relu=F.relu, leaky_relu=lambda x: F.leaky_relu(x, 0.1)).items():
    case(name, f, x)
pi = 3.141592653589793
case('gelu_tanh', lambda x: 0.5 * x * (1 + torch.tanh((2 / pi) ** 0.5 * (x + 0.044715 * x ** 3))), x)
for name in 'log', 'sqrt', 'reciprocal': case(name, getattr(torch, name), positive)
a, b = torch.randint(-3, 4, (5, 1, 7)).double(), torch.randint(1, 5, (3, 1)).double()
for name, f in dict(add='add', subtract='sub', multiply='mul', divide='div', maximum='maximum',
                    minimum='minimum').items():
    case(name, getattr(torch, f), a, b)
m = torch.randint(-2, 3, (4, 5, 6)).double()
for name, f in dict(reduce_sum=torch.sum, reduce_mean=torch.mean, reduce_max=torch.amax).items():
    case(name, lambda x: f(x, dim=(0, 2)), m)
)";

std::map<std::string, OpPtr> ops() {
  std::map<std::string, OpPtr> ops;
  const auto add = [&](const OpPtr& op) { ops[std::string(op->name())] = op; };
  for (int i = 0; i <= static_cast<int>(UnaryFunction::gelu_tanh); ++i) {
    add(std::make_shared<Unary>(static_cast<UnaryFunction>(i)));
  }
  for (int i = 0; i <= static_cast<int>(BinaryFunction::minimum); ++i) {
    add(std::make_shared<Binary>(static_cast<BinaryFunction>(i)));
  }
  for (const auto function : {ReduceFunction::sum, ReduceFunction::mean, ReduceFunction::max}) {
    add(std::make_shared<Reduce>(function, Dims{0, 2}));
  }
  add(std::make_shared<Relu>());
  add(std::make_shared<Relu>(0.1));
  return ops;
}

TEST(ElementwiseOps, FollowPyTorch) {
  const hdf5::File reference = torch_reference(kProgram);
  const auto known = ops();
  EXPECT_EQ(reference.names().size(), known.size());
  for (const auto& [name, op] : known) {
    const hdf5::Group group = reference.group(name);
    for (const DType dtype : {DType::float64, DType::float32}) {
      Graph graph;
      std::map<std::string, Tensor> inputs = {{"w", group.read("w").cast(dtype)}};
      std::vector<Value> arguments;
      for (int i = 0; group.contains(text("x", i)); ++i) {
        const Tensor x = group.read(text("x", i)).cast(dtype);
        arguments.push_back(graph.input(text("x", i), x.type()));
        inputs[text("x", i)] = x;
      }
      const Value w = graph.input("w", inputs["w"].type());
      const Value y = graph.add(op, arguments);
      const Value weighted = graph.add(Binary(BinaryFunction::multiply), {y, w});
      const Value loss = graph.add(Reduce::all(ReduceFunction::sum, graph.type(y).shape.rank()), {weighted});
      const auto gradient = gradients(graph, loss, arguments, structural_ops());
      graph.output("y", y);
      for (std::size_t i = 0; i < gradient.size(); ++i) graph.output(text("dx", i), gradient[i]);
      Executor executor(graph, {}, Variables());
      for (const auto& [input, tensor] : inputs) executor.bind(input, tensor);
      executor.run();
      for (const auto& [output, value] : graph.outputs()) {
        Tensor actual(dtype, graph.type(value).shape);
        copy_elements(executor.output(output), actual);
        EXPECT_LE(relative_difference(actual, group.read(output)), dtype == DType::float64 ? 1e-14 : 2e-6)
            << name << ' ' << output << ' ' << dtype;
      }
    }
  }
}

}  // namespace
}  // namespace slipway::test
