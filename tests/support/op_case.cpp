#include "tests/support/op_case.h"

#include <cmath>
#include <cstring>

#include "core/base/random.h"
#include "core/graph/autograd.h"
#include "core/graph/gradient_check.h"
#include "core/graph/passes/passes.h"
#include "core/runtime/executor.h"
#include "core/runtime/kernel_slot.h"
#include "layers/ops/reorder.h"
#include "layers/ops/structural.h"
#include "tests/support/cuda_device.h"
#include "tests/support/projection.h"

namespace slipway::test {
namespace {

template <class Body>
void visit_float(DType dtype, Body&& body) {
  if (dtype == DType::float32)
    body.template operator()<float>();
  else
    body.template operator()<double>();
}

enum class Placement { row_major, blocked, channels_last };

struct Setting {
  DType dtype = DType::float32;
  std::optional<DType> rounded_to;  // inputs are, before they become `dtype`
  Stream stream;
  bool gradients = true;
  MemoryReuse reuse = MemoryReuse::shared;
  Placement placement = Placement::row_major;
};

Layout layout_for(const Shape& shape, Placement placement) {
  if (shape.rank() < 3) return Layout::row_major(shape);
  switch (placement) {
    case Placement::row_major:
      return Layout::row_major(shape);
    case Placement::channels_last:
      return Layout::channels_last(shape);
    case Placement::blocked: {
      Dims order;
      for (int i = 0; i < shape.rank(); ++i) order.push_back(i);
      return Layout::blocked(shape, order, {{1, 16}});
    }
  }
  return {};
}

/// An op between copies of its inputs, so that it may work in place, and a scalar that depends on all it
/// computes.
struct CaseGraph {
  Graph graph;
  std::vector<Value> inputs;
  std::vector<Value> differentiable;
  std::vector<Value> outputs;
  Value loss;
};

CaseGraph build(const OpCase& op_case, DType dtype, Placement placement) {
  CaseGraph built;
  std::vector<Value> arranged;
  for (std::size_t i = 0; i < op_case.inputs.size(); ++i) {
    const OpInput& input = op_case.inputs[i];
    const ValueType type(input.dtype.value_or(dtype), input.shape);
    built.inputs.push_back(built.graph.input(text("input", i), type));
    if (!input.dtype && input.differentiable) built.differentiable.push_back(built.inputs.back());
    arranged.push_back(built.graph.add(Reorder(layout_for(input.shape, placement)), {built.inputs.back()}));
  }
  built.outputs = built.graph.add_all(op_case.op, arranged, "case");
  std::vector<Value> projected;
  for (std::size_t i = 0; i < built.outputs.size(); ++i) {
    built.graph.output(text("output", i), built.outputs[i]);
    const bool auxiliary = i + static_cast<std::size_t>(op_case.auxiliary_outputs) >= built.outputs.size();
    if (built.graph.type(built.outputs[i]).dtype == dtype && !auxiliary)
      projected.push_back(built.outputs[i]);
  }
  if (op_case.gradient) built.loss = built.graph.add(Projection(), projected);
  return built;
}

/// A blocked value must have zeros where its layout pads; -0 will do.
void expect_zero_padding(const TensorView& view) {
  if (!is_floating(view.dtype()) || !view.type.layout.is_blocked()) return;
  const Tensor plain(view.dtype(), view.shape()), expected(view.type);
  copy_elements(view, plain);
  copy_elements(plain, expected);
  const auto count = static_cast<std::size_t>(view.type.layout.extent(view.shape()));
  visit_float(view.dtype(), [&]<class T>() {
    const std::span<T> actual(view.pointer<T>(), count), zeroed(expected.view().pointer<T>(), count);
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_TRUE(actual[i] == zeroed[i] || std::isnan(zeroed[i]))
          << view.type << " has padding that is not zero";
    }
  });
}

/// Outputs, then gradients of the differentiable inputs (undefined where there is none), row-major.
std::vector<Tensor> evaluate(const OpCase& op_case, const Setting& setting) {
  CaseGraph built = build(op_case, setting.dtype, setting.placement);
  std::vector<Value> gradients;
  if (setting.gradients && op_case.gradient) {
    gradients = slipway::gradients(built.graph, built.loss, built.differentiable, structural_ops());
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      if (gradients[i]) built.graph.output(text("gradient", i), gradients[i]);
    }
  }
  Graph graph = assign_layouts(eliminate_dead_nodes(built.graph), setting.stream, structural_ops(), nullptr);
  Executor executor(std::move(graph), setting.stream, Variables(), {.reuse = setting.reuse});
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < op_case.inputs.size(); ++i) {
    Tensor input = make_input(op_case, static_cast<int>(i), setting.rounded_to.value_or(setting.dtype));
    inputs.push_back(op_case.inputs[i].dtype ? input : input.cast(setting.dtype));
    executor.bind(text("input", i), inputs.back());
  }
  executor.run();
  executor.run();  // a step must leave nothing behind that the next one trips over
  std::vector<Tensor> results;
  const auto read = [&](const std::string& name) {
    expect_zero_padding(executor.output(name));
    results.push_back(executor.read(name));
  };
  for (std::size_t i = 0; i < built.outputs.size(); ++i) read(text("output", i));
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    if (gradients[i])
      read(text("gradient", i));
    else
      results.emplace_back();
  }
  return results;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.defined() == b.defined() &&
         (!a.defined() ||
          (a.type() == b.type() &&
           (a.type().bytes() == 0 || std::memcmp(a.view().data, b.view().data, a.type().bytes()) == 0)));
}

void expect_same_bits(const std::vector<Tensor>& actual, const std::vector<Tensor>& expected,
                      const std::string& what) {
  ASSERT_LE(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    EXPECT_TRUE(same_bits(actual[i], expected[i])) << what << ": result " << i << "\n"
                                                   << actual[i] << "\n"
                                                   << expected[i];
  }
}

void expect_close(const std::vector<Tensor>& actual, const std::vector<Tensor>& expected, double tolerance,
                  const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    ASSERT_EQ(actual[i].defined(), expected[i].defined());
    if (!actual[i].defined()) continue;
    EXPECT_LE(relative_difference(actual[i], expected[i]), tolerance) << what << ": result " << i << "\n"
                                                                      << actual[i] << "\n"
                                                                      << expected[i];
  }
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const OpCase& op_case) {
  return out << op_case.name << ": " << op_case.op->name() << " {" << op_case.op->attributes() << '}';
}

std::map<std::string, std::function<std::vector<OpCase>()>>& op_case_makers() {
  static std::map<std::string, std::function<std::vector<OpCase>()>> makers;
  return makers;
}

Tensor make_input(const OpCase& op_case, int input, DType dtype) {
  const OpInput& spec = op_case.inputs[static_cast<std::size_t>(input)];
  const DType own = spec.dtype.value_or(dtype);
  if (spec.value.defined()) return spec.value.cast(own);
  const Tensor values(DType::float64, spec.shape);
  RandomSequence random({.key = random_key(1, text(op_case.name, input))});
  for (double& value : values.as<double>()) {
    const double drawn = random.uniform(spec.low, spec.high);
    value = spec.dtype ? std::floor(drawn) : static_cast<double>(static_cast<float>(drawn));
  }
  return values.cast(own);
}

double relative_difference(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape());
  if (a.shape() != b.shape()) return HUGE_VAL;
  const Tensor x = a.cast(DType::float64), y = b.cast(DType::float64);
  double largest = 1, worst = 0;
  for (const double value : y.as<double>()) {
    if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
  }
  for (std::size_t i = 0; i < x.as<double>().size(); ++i) {
    const double p = x.as<double>()[i], q = y.as<double>()[i];
    if (p == q || (std::isnan(p) && std::isnan(q))) continue;
    const double difference = std::abs(p - q) / largest;
    if (!(difference <= worst)) worst = std::isnan(difference) ? HUGE_VAL : difference;
  }
  return worst;
}

TEST_P(OpTest, GradientMatchesDifferences) {
  const OpCase& op_case = GetParam();
  if (!op_case.gradient) return;
  const CaseGraph built = build(op_case, DType::float64, Placement::row_major);
  const Variables none;
  GradientCheckModel model{.graph = built.graph, .loss = built.loss, .variables = none, .inputs = {}};
  for (std::size_t i = 0; i < op_case.inputs.size(); ++i) {
    model.inputs[text("input", i)] = make_input(op_case, static_cast<int>(i), DType::float64);
  }
  for (const GradientError& error : check_gradients(model, built.differentiable, structural_ops())) {
    EXPECT_LE(error.worst, op_case.gradient_tolerance) << error.name << "[" << error.element << "]: analytic "
                                                       << error.analytic << ", numeric " << error.numeric;
    EXPECT_LE(error.skipped, error.checked) << error.name << ": most elements seem to lie at kinks";
  }
}

TEST_P(OpTest, Float32FollowsFloat64) {
  const OpCase& op_case = GetParam();
  expect_close(evaluate(op_case, {.dtype = DType::float32}), evaluate(op_case, {.dtype = DType::float64}),
               op_case.tolerance, "float32 and float64");
}

TEST_P(OpTest, ThreadsDoNotMatter) {
  const OpCase& op_case = GetParam();
  for (const DType dtype : {DType::float32, DType::float64}) {
    const std::vector<Tensor> one =
        evaluate(op_case, {.dtype = dtype, .stream = {.threads = 1, .deterministic = true}});
    for (const int threads : {2, 3}) {
      expect_same_bits(
          evaluate(op_case, {.dtype = dtype, .stream = {.threads = threads, .deterministic = true}}), one,
          text(threads, " threads"));
      expect_close(evaluate(op_case, {.dtype = dtype, .stream = {.threads = threads}}), one,
                   op_case.tolerance, text(threads, " threads, not deterministic"));
    }
  }
}

TEST_P(OpTest, MemoryDoesNotMatter) {
  const OpCase& op_case = GetParam();
  for (const DType dtype : {DType::float32, DType::float64}) {
    const std::vector<Tensor> separate = evaluate(op_case, {.dtype = dtype, .reuse = MemoryReuse::separate});
    expect_same_bits(evaluate(op_case, {.dtype = dtype}), separate, "shared memory");
    expect_same_bits(evaluate(op_case, {.dtype = dtype, .gradients = false}), separate, "forward only");
    std::vector<Tensor> inputs;
    for (std::size_t i = 0; i < op_case.inputs.size(); ++i) {
      inputs.push_back(make_input(op_case, static_cast<int>(i), dtype));
    }
    std::vector<Tensor> at_once = run_op(*op_case.op, inputs);
    if (op_case.op->layout_rule() != LayoutRule::chosen) {
      expect_same_bits(at_once, separate, "run_op");
    } else {  // row-major: another implementation
      const std::vector<Tensor> outputs(separate.begin(),
                                        separate.begin() + static_cast<std::ptrdiff_t>(at_once.size()));
      expect_close(at_once, outputs, op_case.tolerance, "run_op");
    }
  }
}

/// Whether the op takes the types that the case has in a precision.
bool accepts(const OpCase& op_case, DType dtype) {
  std::vector<ValueType> types;
  for (const OpInput& input : op_case.inputs) types.emplace_back(input.dtype.value_or(dtype), input.shape);
  try {
    op_case.op->infer(types);
  } catch (const Error&) {
    return false;
  }
  return true;
}

/// In the builds that have GPUs, simulated or not.
TEST_P(OpTest, CudaFollowsCpu) {
  const OpCase& op_case = GetParam();
  const std::optional<Device> device = find_cuda_device();
  if (!device) return;
  const Queue queue(*device);
  const Stream stream{.device = *device, .native = queue.native()};
  const std::map<DType, double> tolerances = {{DType::float64, 1e-10},
                                              {DType::float32, op_case.tolerance},
                                              {DType::float16, 1e-2},
                                              {DType::bfloat16, 4e-2}};
  for (const auto& [dtype, tolerance] : tolerances) {
    if (!accepts(op_case, dtype)) continue;
    std::vector<Tensor> computed;
    try {
      computed = evaluate(op_case, {.dtype = dtype, .stream = stream});
    } catch (const MissingKernel& missing) {
      GTEST_SKIP() << missing.what();
    }
    const Setting exact{.dtype = DType::float64, .rounded_to = dtype};
    expect_close(computed, evaluate(op_case, exact), tolerance, text("cuda and cpu in ", dtype));
  }
}

TEST_P(OpTest, LayoutsDoNotMatter) {
  const OpCase& op_case = GetParam();
  const std::vector<Tensor> plain = evaluate(op_case, {});
  for (const Placement placement : {Placement::blocked, Placement::channels_last}) {
    expect_close(evaluate(op_case, {.placement = placement}), plain, op_case.tolerance,
                 placement == Placement::blocked ? "blocked" : "channels last");
  }
}

}  // namespace slipway::test
