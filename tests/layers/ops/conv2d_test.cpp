#include "layers/ops/conv2d.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "core/base/random.h"
#include "core/graph/autograd.h"
#include "core/runtime/tuner.h"
#include "tests/support/op_case.h"
#include "tests/support/run_in_layouts.h"

namespace slipway::test {
namespace {

struct Case {
  const char* name;
  std::int64_t batch, in, out, height, width, kernel_height, kernel_width;
  Window2d window = {};
  std::int64_t groups = 1;
  bool bias = true;
};
std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }

Tensor random_tensor(DType dtype, const Shape& shape, std::uint64_t key) {
  RandomSequence random(Philox{.key = key});
  Tensor tensor(DType::float64, shape);
  for (double& value : tensor.as<double>()) value = 2 * random.uniform() - 1;
  return tensor.cast(dtype);
}

/// The definition, term by term: calls visit(y, weight, x) for every product, with the three elements'
/// offsets in row-major order.
template <class Visit>
void for_each_product(const Case& c, const Shape& output, Visit&& visit) {
  const std::int64_t group_in = c.in / c.groups, group_out = c.out / c.groups;
  std::int64_t y = -1;
  for_each_index(output, [&](const Dims& at) {
    ++y;
    const std::int64_t top = at[2] * c.window.stride[0] - c.window.padding_begin[0];
    const std::int64_t left = at[3] * c.window.stride[1] - c.window.padding_begin[1];
    const std::int64_t first_channel = at[0] * c.in + at[1] / group_out * group_in;
    std::int64_t weight = at[1] * group_in * c.kernel_height * c.kernel_width;
    for (std::int64_t i = 0; i < group_in; ++i) {
      for (std::int64_t p = 0; p < c.kernel_height; ++p) {
        for (std::int64_t q = 0; q < c.kernel_width; ++q, ++weight) {
          const std::int64_t row = top + p * c.window.dilation[0], column = left + q * c.window.dilation[1];
          if (row < 0 || row >= c.height || column < 0 || column >= c.width) continue;
          visit(y, weight, ((first_channel + i) * c.height + row) * c.width + column);
        }
      }
    }
  });
}

struct Expected {
  Tensor y, dx, dweight, dbias;
};

Expected by_definition(const Case& c, const Tensor& x, const Tensor& weight, const Tensor& bias,
                       const Tensor& dy) {
  Expected e{Tensor::zeros(DType::float64, dy.shape()), Tensor::zeros(DType::float64, x.shape()),
             Tensor::zeros(DType::float64, weight.shape()), Tensor::zeros(DType::float64, Shape{c.out})};
  const double *from_x = x.as<double>().data(), *from_weight = weight.as<double>().data(),
               *from_dy = dy.as<double>().data();
  double *to_y = e.y.as<double>().data(), *to_dx = e.dx.as<double>().data(),
         *to_dweight = e.dweight.as<double>().data(), *to_dbias = e.dbias.as<double>().data();
  for_each_product(c, dy.shape(), [&](std::int64_t y, std::int64_t w, std::int64_t in) {
    to_y[y] += from_weight[w] * from_x[in];
    to_dx[in] += from_weight[w] * from_dy[y];
    to_dweight[w] += from_x[in] * from_dy[y];
  });
  std::int64_t y = 0;
  for_each_index(dy.shape(), [&](const Dims& at) {
    if (c.bias) to_y[y] += bias.as<double>()[static_cast<std::size_t>(at[1])];
    to_dbias[at[1]] += from_dy[y++];
  });
  return e;
}

void expect_near_to(const Tensor& actual, const Tensor& expected, double tolerance, const std::string& what) {
  ASSERT_EQ(actual.shape(), expected.shape()) << what;
  const Tensor wide = actual.cast(DType::float64);
  double scale = 1e-30, worst = 0;
  for (const double value : expected.as<double>()) scale = std::max(scale, std::abs(value));
  for (std::size_t i = 0; i < expected.as<double>().size(); ++i) {
    const double error = std::abs(wide.as<double>()[i] - expected.as<double>()[i]);
    worst = std::isnan(error) ? INFINITY : std::max(worst, error);
  }
  EXPECT_LE(worst, tolerance * scale) << what;
}

/// The gradient ops of a convolution, from its vjp.
struct GradientOps {
  OpPtr data, weights;
};
GradientOps gradient_ops(const Conv2d& op, const std::vector<Tensor>& inputs) {
  Graph graph;
  std::vector<Value> values;
  for (std::size_t i = 0; i < inputs.size(); ++i) values.push_back(graph.input(text(i), inputs[i].type()));
  const Value y = graph.add(op, values);
  const Value dy = graph.input("dy", graph.type(y));
  VjpContext context(graph, y.node, {dy}, std::vector<bool>(inputs.size(), true));
  const std::vector<Value> gradients = op.vjp(context);
  return {graph.node(gradients[0].node).op, graph.node(gradients[1].node).op};
}

const Case kCases[] = {
    {"one_channel", 3, 1, 32, 13, 11, 3, 3},
    {"three_channels_same", 2, 3, 16, 9, 8, 3, 3, {.padding_begin = {1, 1}, .padding_end = {1, 1}}},
    {"winograd", 2, 32, 48, 13, 14, 3, 3, {.padding_begin = {1, 1}, .padding_end = {1, 1}}},
    {"winograd_valid", 4, 64, 64, 10, 10, 3, 3},
    {"winograd_small_image", 16, 64, 32, 4, 4, 3, 3, {.padding_begin = {1, 1}, .padding_end = {1, 1}}},
    {"deep_few_pixels", 4, 128, 144, 8, 7, 3, 3, {.padding_begin = {1, 0}, .padding_end = {1, 2}}},
    {"winograd_many_images", 13, 32, 32, 17, 15, 3, 3, {.padding_begin = {1, 1}, .padding_end = {1, 1}}},
    {"winograd_perhaps", 5, 16, 24, 9, 11, 3, 3, {.padding_begin = {1, 1}, .padding_end = {1, 1}}},
    {"odd_channels", 2, 20, 35, 9, 9, 3, 3, {.padding_begin = {1, 1}, .padding_end = {1, 1}}},
    {"strided", 3, 32, 64, 9, 10, 3, 3, {.stride = {2, 2}, .padding_begin = {1, 1}, .padding_end = {1, 1}}},
    {"pointwise_strided", 2, 32, 48, 8, 8, 1, 1, {.stride = {2, 2}}},
    {"pointwise", 7, 48, 32, 5, 6, 1, 1},
    {"strided_beyond_the_window", 2, 16, 32, 11, 13, 2, 2, {.stride = {3, 4}}},
    {"strided_and_dilated",
     3,
     32,
     16,
     12,
     11,
     3,
     3,
     {.stride = {2, 3}, .dilation = {3, 2}, .padding_begin = {2, 1}}},
    {"deep_strided",
     31,
     144,
     272,
     5,
     5,
     3,
     3,
     {.stride = {2, 2}, .padding_begin = {1, 1}, .padding_end = {1, 1}}},
    {"grouped_strided",
     5,
     64,
     96,
     7,
     8,
     3,
     3,
     {.stride = {2, 1}, .padding_begin = {1, 1}, .padding_end = {1, 1}},
     2},
    {"asymmetric", 2, 16, 16, 7, 9, 2, 4, {.stride = {1, 2}, .padding_begin = {0, 1}, .padding_end = {1, 2}}},
    {"dilated",
     2,
     16,
     32,
     11,
     12,
     3,
     3,
     {.dilation = {2, 3}, .padding_begin = {2, 3}, .padding_end = {2, 3}}},
    {"grouped", 2, 32, 64, 7, 7, 3, 3, {.padding_begin = {1, 1}, .padding_end = {1, 1}}, 2},
    {"odd_groups", 2, 6, 9, 7, 6, 3, 3, {}, 3},
    {"depthwise", 2, 32, 32, 8, 9, 3, 3, {.padding_begin = {1, 1}, .padding_end = {1, 1}}, 32},
    {"odd_depthwise_multiplier", 2, 5, 10, 8, 9, 3, 3, {.stride = {2, 1}}, 5},
    {"large_kernel",
     2,
     3,
     24,
     20,
     20,
     7,
     7,
     {.stride = {2, 2}, .padding_begin = {3, 3}, .padding_end = {3, 3}}},
    {"one_pixel", 1, 1, 1, 1, 1, 1, 1},
    {"no_bias", 2, 16, 32, 6, 6, 3, 3, {}, 1, false},
};

class Conv2dTest : public testing::TestWithParam<Case> {
 protected:
  Conv2dTest() {
    const Case& c = GetParam();
    Window2d window = c.window;
    op_ = std::make_unique<Conv2d>(Conv2dOptions{.window = window, .groups = c.groups, .bias = c.bias});
    inputs_ = {
        random_tensor(DType::float64, Shape{c.batch, c.in, c.height, c.width}, 1),
        random_tensor(DType::float64, Shape{c.out, c.in / c.groups, c.kernel_height, c.kernel_width}, 2)};
    const Tensor bias = random_tensor(DType::float64, Shape{c.out}, 3);
    if (c.bias) inputs_.push_back(bias);
    std::vector<ValueType> types;
    for (const Tensor& input : inputs_) types.push_back(input.type());
    dy_ = random_tensor(DType::float64, op_->infer(types)[0].shape, 4);
    static std::map<std::string, Expected> computed;
    Expected& expected = computed[c.name];
    if (!expected.y.defined()) expected = by_definition(c, inputs_[0], inputs_[1], bias, dy_);
    expected_ = expected;
  }

  struct Results {
    Tensor y, dx, dweight, dbias;
  };
  using Run = std::function<std::vector<Tensor>(const Op&, const std::vector<Tensor>&, const Stream&)>;
  Results run(DType dtype, const Stream& stream, const Run& run) const {
    std::vector<Tensor> inputs;
    for (const Tensor& input : inputs_) inputs.push_back(input.cast(dtype));
    const Tensor dy = dy_.cast(dtype);
    const GradientOps gradients = gradient_ops(*op_, inputs);
    const std::vector<Tensor> parameters = run(*gradients.weights, {inputs[0], dy}, stream);
    return {run(*op_, inputs, stream)[0], run(*gradients.data, {dy, inputs[1]}, stream)[0], parameters[0],
            parameters.size() > 1 ? parameters[1] : Tensor()};
  }
  void check(const Results& results, double tolerance, const std::string& what) const {
    expect_near_to(results.y, expected_.y, tolerance, what + ": y");
    expect_near_to(results.dx, expected_.dx, tolerance, what + ": dx");
    expect_near_to(results.dweight, expected_.dweight, tolerance, what + ": dweight");
    if (GetParam().bias) expect_near_to(results.dbias, expected_.dbias, tolerance, what + ": dbias");
  }

  std::unique_ptr<Conv2d> op_;
  std::vector<Tensor> inputs_;
  Tensor dy_;
  Expected expected_;
};

std::vector<Tensor> at_once(const Op& op, const std::vector<Tensor>& inputs, const Stream& stream) {
  return run_op(op, inputs, stream);
}

TEST_P(Conv2dTest, FollowsTheDefinition) {
  check(run(DType::float64, {.threads = 2}, at_once), 1e-13, "float64");
  for (const int threads : {1, 2}) {
    const Stream stream{.threads = threads};
    check(run(DType::float32, stream, run_in_chosen_layouts), 2e-5,
          text("chosen layouts, threads ", threads));
  }
  check(run(DType::float32, {.threads = 2}, at_once), 2e-5, "row-major");
}

TEST_P(Conv2dTest, DeterministicGivesTheSameBitsForEveryThreadCount) {
  const Results one = run(DType::float32, {.threads = 1, .deterministic = true}, run_in_chosen_layouts);
  check(one, 2e-5, "deterministic");
  for (const int threads : {2, 3}) {
    const Results more =
        run(DType::float32, {.threads = threads, .deterministic = true}, run_in_chosen_layouts);
    const auto same = [](const Tensor& a, const Tensor& b) {
      return !a.defined() || std::equal(a.as<float>().begin(), a.as<float>().end(), b.as<float>().begin());
    };
    EXPECT_TRUE(same(one.y, more.y) && same(one.dx, more.dx) && same(one.dweight, more.dweight) &&
                same(one.dbias, more.dbias))
        << threads;
  }
}

TEST_P(Conv2dTest, MeasuredChoiceIsRight) {
  Tuner tuner;
  const Stream stream{.threads = 2, .tuner = &tuner};
  check(run(DType::float32, stream, run_in_chosen_layouts), 2e-5, "tuned");
}

INSTANTIATE_TEST_SUITE_P(Cases, Conv2dTest, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

const Window2d kSame{.padding_begin = {1, 1}, .padding_end = {1, 1}};
const Window2d kLopsided{
    .stride = {2, 1}, .dilation = {1, 2}, .padding_begin = {0, 2}, .padding_end = {1, 1}};

OpCase op_case(const char* name, const Conv2dOptions& options, const Shape& x, const Shape& weight) {
  OpCase result{
      .name = name, .op = std::make_shared<Conv2d>(options), .inputs = {{.shape = x}, {.shape = weight}}};
  if (options.bias) result.inputs.push_back({.shape = Shape{weight[0]}});
  return result;
}

OP_CASES(Conv2d,
         {op_case("same", {.window = kSame, .bias = true}, Shape{2, 3, 5, 6}, Shape{4, 3, 3, 3}),
          op_case("lopsided", {.window = kLopsided}, Shape{2, 3, 6, 7}, Shape{5, 3, 2, 3}),
          op_case("grouped", {.groups = 2, .bias = true}, Shape{2, 4, 4, 4}, Shape{6, 2, 3, 2}),
          op_case("depthwise", {.window = kSame, .groups = 18}, Shape{1, 18, 4, 5}, Shape{18, 1, 3, 3}),
          op_case("blocked", {.window = kSame, .bias = true}, Shape{2, 18, 4, 4}, Shape{17, 18, 3, 3})});

TEST(Conv2d, EmptyBatch) {
  const Conv2d op({.bias = true});
  const std::vector<Tensor> inputs{Tensor(DType::float32, Shape{0, 16, 5, 5}),
                                   Tensor(DType::float32, Shape{32, 16, 3, 3}),
                                   Tensor(DType::float32, Shape{32})};
  const Tensor dy(DType::float32, Shape{0, 32, 3, 3});
  EXPECT_EQ(run_in_chosen_layouts(op, inputs, {})[0].shape(), dy.shape());
  const GradientOps gradients = gradient_ops(op, inputs);
  for (const Tensor& gradient : run_in_chosen_layouts(*gradients.weights, {inputs[0], dy}, {})) {
    for (const float value : gradient.as<float>()) EXPECT_EQ(value, 0);
  }
}

TEST(Conv2d, ResidualAndReluAreFusedIn) {
  const Case c{"", 6, 32, 32, 8, 8, 3, 3, {.padding_begin = {1, 1}, .padding_end = {1, 1}}};
  const Tensor x = random_tensor(DType::float64, Shape{6, 32, 8, 8}, 1);
  const Tensor weight = random_tensor(DType::float64, Shape{32, 32, 3, 3}, 2);
  const Tensor bias = random_tensor(DType::float64, Shape{32}, 3);
  const Tensor residual = random_tensor(DType::float64, Shape{6, 32, 8, 8}, 5);
  const Expected plain = by_definition(c, x, weight, bias, residual);
  Tensor expected = plain.y.clone();
  for (std::size_t i = 0; i < expected.as<double>().size(); ++i) {
    expected.as<double>()[i] = std::max(0.0, expected.as<double>()[i] + residual.as<double>()[i]);
  }
  const Conv2d op({.window = c.window, .bias = true, .residual = true, .activation = Activation::relu});
  for (const DType dtype : {DType::float32, DType::float64}) {
    const std::vector<Tensor> inputs{x.cast(dtype), weight.cast(dtype), bias.cast(dtype),
                                     residual.cast(dtype)};
    for (const bool deterministic : {false, true}) {
      const Stream stream{.threads = 2, .deterministic = deterministic};
      expect_near_to(run_in_chosen_layouts(op, inputs, stream)[0], expected, 2e-5, "chosen");
      expect_near_to(run_op(op, inputs, stream)[0], expected, 2e-5, "row-major");
    }
  }
}

TEST(Conv2d, ResidualAndReluAreFusedIntoDeepLayers) {
  const Window2d same{.padding_begin = {1, 1}, .padding_end = {1, 1}};
  const Conv2d op({.window = same, .bias = true, .residual = true, .activation = Activation::relu});
  const Shape image{16, 128, 4, 4};
  const std::vector<Tensor> inputs{
      random_tensor(DType::float64, image, 1), random_tensor(DType::float64, Shape{128, 128, 3, 3}, 2),
      random_tensor(DType::float64, Shape{128}, 3), random_tensor(DType::float64, image, 5)};
  std::vector<Tensor> single;
  for (const Tensor& input : inputs) single.push_back(input.cast(DType::float32));
  expect_near_to(run_in_chosen_layouts(op, single, {.threads = 2})[0], run_op(op, inputs)[0], 2e-5, "fused");
}

TEST(Conv2d, WeightLayoutDoesNotDependOnTheBatchOrTheImage) {
  const ValueType weight(DType::float32, Shape{64, 32, 3, 3});
  const Conv2d op({});
  Layout first;
  for (const Shape& x : {Shape{1, 32, 5, 5}, Shape{7, 32, 30, 31}, Shape{256, 32, 224, 224}}) {
    const std::vector<ValueType> inputs{{DType::float32, x}, weight};
    const LayoutChoice choice = op.choose_layouts({.threads = 2}, inputs, op.infer(inputs));
    if (first.strides().empty()) first = choice.inputs[1];
    EXPECT_EQ(choice.inputs[1], first) << x;
  }
}

TEST(Conv2d, MistakesAreNamed) {
  const auto message = [](const Conv2dOptions& options, const Shape& x, const Shape& weight) -> std::string {
    try {
      const std::vector<ValueType> inputs{{DType::float32, x}, {DType::float32, weight}};
      Conv2d(options).infer(inputs);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message({}, Shape{1, 3, 8, 8}, Shape{4, 5, 3, 3}),
            "conv2d: input has 3 channels, weight expects 5");
  EXPECT_NE(message({}, Shape{1, 3, 2, 8}, Shape{4, 3, 3, 3}).find("does not fit into 2"), std::string::npos);
  EXPECT_NE(message({.groups = 2}, Shape{1, 3, 8, 8}, Shape{4, 1, 3, 3}).find("2 groups"), std::string::npos);
  EXPECT_NE(message({.window = {.stride = {0, 1}}}, Shape{1, 3, 8, 8}, Shape{4, 3, 3, 3}).find("stride"),
            std::string::npos);
}

}  // namespace
}  // namespace slipway::test
