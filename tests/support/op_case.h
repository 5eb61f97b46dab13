#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/graph/op.h"
#include "core/runtime/memory_plan.h"

namespace slipway::test {

/// One input of an op under test: random values between two bounds, the same whatever the precision.
struct OpInput {
  Shape shape;
  double low = -2;
  double high = 2;
  std::optional<DType> dtype;  // of integers and bytes; else the floating-point type of the mode
  bool differentiable = true;
  Tensor value;  // instead of random ones; converted to the type of the mode
};

/// One use of an op. Every case is run in every mode that applies to it:
///   gradient    float64 gradients against central differences
///   precision   float32 results and gradients against float64
///   threads     the same bits for 1, 2 and 3 threads where determinism is asked for
///   memory      the same bits from shared as from separate memory, in place or not, and from run_op
///               (of an op that chooses layouts: the same values)
///   layouts     blocked and channels-last inputs give the values of row-major ones; padding stays zero
///   cuda        results and gradients on a GPU follow those of the CPU in every precision that the op takes,
///               in builds that have GPUs; skipped while a kernel is missing
///   onnx        onnxruntime computes the same from the exported model; one test runs all cases, see
///               tests/tools/onnx/op_cases_test.cpp
struct OpCase {
  std::string name;  // letters, digits, underscores
  OpPtr op;
  std::vector<OpInput> inputs;
  double tolerance = 1e-5;           // of float32, relative to the largest magnitude of the result
  double gradient_tolerance = 1e-6;  // of float64 central differences
  bool gradient = true;              // the op has one
  int auxiliary_outputs = 0;         // how many at the end only serve the gradient
  bool onnx = true;                  // the op has an ONNX form
};

std::ostream& operator<<(std::ostream& out, const OpCase& op_case);

/// The input of a case in a precision.
Tensor make_input(const OpCase& op_case, int input, DType dtype);

/// Largest |a - b| relative to the largest magnitude of b or 1; infinite if one is NaN where the other isn't.
double relative_difference(const Tensor& a, const Tensor& b);

/// The suite of all modes; OP_CASES instantiates it.
class OpTest : public testing::TestWithParam<OpCase> {};

/// Makes the cases of each OP_CASES, by its name.
std::map<std::string, std::function<std::vector<OpCase>()>>& op_case_makers();

struct RegisterOpCases {
  RegisterOpCases(const char* name, std::function<std::vector<OpCase>()> make) {
    op_case_makers()[name] = std::move(make);
  }
};

}  // namespace slipway::test

/// OP_CASES_OF(Unary, make_cases): the cases that a function returns.
#define OP_CASES_OF(NAME, ...)                                               \
  static const RegisterOpCases NAME##_op_cases(#NAME, __VA_ARGS__);          \
  INSTANTIATE_TEST_SUITE_P(NAME, OpTest, testing::ValuesIn((__VA_ARGS__)()), \
                           [](const testing::TestParamInfo<OpCase>& info) { return info.param.name; })

/// OP_CASES(Relu, {{.name = "plain", .op = std::make_shared<Relu>(), .inputs = {{.shape = {3}}}}, ...});
#define OP_CASES(NAME, ...) OP_CASES_OF(NAME, [] { return std::vector<OpCase> __VA_ARGS__; })
