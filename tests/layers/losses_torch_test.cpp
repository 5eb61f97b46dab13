#include <gtest/gtest.h>

#include "core/graph/autograd.h"
#include "core/runtime/executor.h"
#include "layers/loss.h"
#include "layers/ops/structural.h"
#include "tests/support/op_case.h"
#include "tests/support/torch.h"

namespace slipway::test {
namespace {

/// The same losses, written for us and for PyTorch; `x` and `y` are drawn per case.
struct LossCase {
  const char* name;
  const char* yaml;
  const char* x;
  const char* y;
  const char* loss;
};

const LossCase kCases[] = {
    {"plain", "cross_entropy", "randn(17, 10) * 3", "randint(10, (17,))", "F.cross_entropy(x, y)"},
    {"one_class", "cross_entropy", "randn(3, 1)", "randint(1, (3,))", "F.cross_entropy(x, y)"},
    {"smoothed", "cross_entropy: {label_smoothing: 0.1}", "randn(64, 33)", "randint(33, (64,))",
     "F.cross_entropy(x, y, label_smoothing=0.1)"},
    {"ignored", "cross_entropy: {ignored_label: 2, label_smoothing: 0.3}", "randn(65, 5)",
     "randint(5, (65,))", "F.cross_entropy(x, y, ignore_index=2, label_smoothing=0.3)"},
    {"weighted", "cross_entropy: {class_weights: [0.2, 1, 0, 3]}", "randn(40, 4)", "randint(4, (40,))",
     "F.cross_entropy(x, y, weight=torch.tensor([0.2, 1, 0, 3]))"},
    {"everything", "cross_entropy: {class_weights: [0.2, 1, 0, 3], ignored_label: 1, label_smoothing: 0.2}",
     "randn(40, 4)", "randint(4, (40,))",
     "F.cross_entropy(x, y, weight=torch.tensor([0.2, 1, 0, 3]), ignore_index=1, label_smoothing=0.2)"},
    {"image", "cross_entropy: {class_weights: [0.2, 1, 3], ignored_label: 1, label_smoothing: 0.2}",
     "randn(2, 3, 7, 9)", "randint(3, (2, 7, 9))",
     "F.cross_entropy(x, y, weight=torch.tensor([0.2, 1, 3]), ignore_index=1, label_smoothing=0.2)"},
    {"image_plain", "cross_entropy", "randn(3, 20, 5) * 20", "randint(20, (3, 5))", "F.cross_entropy(x, y)"},
    {"bce", "bce_with_logits", "randn(13, 3) * 20", "rand(13, 3)",
     "F.binary_cross_entropy_with_logits(x, y)"},
    {"bce_labels", "bce_with_logits: {pos_weight: 2.5}", "randn(50, 1)", "randint(2, (50,))",
     "F.binary_cross_entropy_with_logits(x[:, 0], y.double(), pos_weight=torch.tensor(2.5))"},
    {"bce_weights", "bce_with_logits: {pos_weight: [0.5, 2, 1]}", "randn(13, 3, 2)", "rand(13, 3, 2)",
     "F.binary_cross_entropy_with_logits(x, y, pos_weight=torch.tensor([0.5, 2, 1])[:, None])"},
    {"mse", "mse", "randn(31, 3)", "randn(31, 3)", "F.mse_loss(x, y)"},
    {"mse_counts", "mse", "randn(31, 1)", "randint(9, (31,))", "F.mse_loss(x[:, 0], y.double())"},
    {"mae", "mae", "randn(31, 3)", "randn(31, 3)", "F.l1_loss(x, y)"},
    {"huber", "huber: 0.5", "randn(31, 3)", "randn(31, 3)", "F.huber_loss(x, y, delta=0.5)"},
};

struct Result {
  Tensor loss, gradient;
};

Result evaluate(const std::string& yaml, const Tensor& x, const Tensor& y, Mode mode) {
  Slot<Loss> loss;
  ConfigErrors errors;
  read_slot(ConfigNode::parse(yaml, "test.yaml"), loss, errors);
  errors.throw_if_any();
  Graph graph;
  const Value output = graph.input("x", x.type()), target = graph.input("y", y.type());
  const Scope scope(graph, {.mode = mode, .dtype = x.dtype()});
  const Value value = loss->build(scope, output, target);
  graph.output("loss", value);
  if (mode == Mode::training) {
    const Value wrt[] = {output};
    graph.output("gradient", gradients(graph, value, wrt, structural_ops())[0]);
  }
  Executor executor(graph, Stream{.threads = 2}, Variables());
  executor.bind("x", x);
  executor.bind("y", y);
  executor.run();
  Result result{.loss = Tensor(x.dtype(), {}), .gradient = Tensor(x.type())};
  copy_elements(executor.output("loss"), result.loss);
  if (mode == Mode::training) copy_elements(executor.output("gradient"), result.gradient);
  return result;
}

TEST(Losses, FollowPyTorch) {
  std::string program = "from torch.nn import functional as F\nfrom torch import randn, rand, randint\n";
  for (const LossCase& test : kCases) {
    program += text("x = (", test.x, ").requires_grad_()\ny = ", test.y, "\nloss = ", test.loss,
                    "\nloss.backward()\nsave_all('", test.name, "', x=x, y=y, loss=loss, gradient=x.grad)\n");
  }
  const hdf5::File reference = torch_reference(program);
  for (const LossCase& test : kCases) {
    SCOPED_TRACE(test.name);
    const hdf5::Group group = reference.group(test.name);
    const Tensor x = group.read("x"), y = group.read("y");
    for (const DType dtype : {DType::float64, DType::float32}) {
      const double tolerance = dtype == DType::float64 ? 1e-12 : 2e-6;
      const Tensor target = is_floating(y.dtype()) ? y.cast(dtype) : y;
      const Result got = evaluate(test.yaml, x.cast(dtype), target, Mode::training);
      EXPECT_LE(relative_difference(got.loss, group.read("loss")), tolerance);
      EXPECT_LE(relative_difference(got.gradient, group.read("gradient")), tolerance);
      const Result evaluated = evaluate(test.yaml, x.cast(dtype), target, Mode::evaluation);
      EXPECT_EQ(evaluated.loss.item(), got.loss.item());
    }
  }
}

}  // namespace
}  // namespace slipway::test
