#include "kernels/cpu/conv2d_few_channels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/base/random.h"
#include "core/tensor/tensor.h"
#include "kernels/cpu/blocked_product.h"
#include "layers/ops/window.h"

namespace slipway::cpu {
namespace {

struct Case {
  const char* name;
  Shape x, weight;
  Window2d window = {};
};
std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }

const Case kCases[] = {
    {"digits", {5, 1, 28, 28}, {32, 1, 3, 3}},
    {"padded", {3, 2, 9, 8}, {13, 2, 3, 3}, {.padding_begin = {1, 2}, .padding_end = {2, 1}}},
    {"strided_and_dilated",
     {2, 3, 19, 23},
     {17, 3, 3, 5},
     {.stride = {2, 3}, .dilation = {3, 2}, .padding_begin = {1, 4}}},
    {"wide_window", {2, 1, 7, 31}, {8, 1, 2, 11}, {.padding_begin = {0, 5}, .padding_end = {0, 5}}},
    {"beyond_the_image", {1, 1, 2, 2}, {1, 1, 3, 3}, {.padding_begin = {2, 2}, .padding_end = {2, 2}}},
};

class Conv2dFewChannels : public testing::TestWithParam<Case> {
 protected:
  Conv2dFewChannels() : x_(random(GetParam().x, 1)), dy_(random(output_shape(), 2)) {}

  static Tensor random(const Shape& shape, std::uint64_t key) {
    RandomSequence random(Philox{.key = key});
    Tensor tensor(DType::float32, shape);
    for (float& value : tensor.as<float>()) value = static_cast<float>(2 * random.uniform() - 1);
    return tensor;
  }
  static Shape output_shape() {
    const Case& c = GetParam();
    Shape y{c.x[0], c.weight[0]};
    for (int axis = 0; axis < 2; ++axis)
      y.push_back(window_output_size("conv2d", c.window, axis, c.x[2 + axis], c.weight[2 + axis]));
    return y;
  }

  struct Gradients {
    Tensor weight, bias;
  };
  Gradients run(int threads) const {
    const Shape& weight = GetParam().weight;
    const Layout y_layout = Layout::blocked(dy_.shape(), {0, 1, 2, 3}, {{1, kLanes}});
    const Conv2dProblem problem{
        .x = x_.type(),
        .weight = {DType::float32, weight, Layout::blocked(weight, {0, 2, 1, 3}, {{0, kLanes}})},
        .y = {DType::float32, dy_.shape(), y_layout},
        .window = GetParam().window,
        .has_bias = true};
    EXPECT_TRUE(conv2d_few_channels_applies(problem));
    const Tensor dy(problem.y), dweight(problem.weight);
    std::memset(dy.view().data, 0, problem.y.bytes());  // what pads the last block, too
    std::memset(dweight.view().data, 0xff, problem.weight.bytes());
    copy_elements(dy_, dy);
    const Gradients result{Tensor(DType::float32, weight),
                           Tensor::full(DType::float32, Shape{weight[0]}, NAN)};
    const Stream stream{.threads = threads};
    conv2d_backward_weights_few_channels(stream, problem)
        ->run(stream, {.x = x_.view().data,
                       .dy = dy.view().data,
                       .dweight = dweight.view().data,
                       .dbias = result.bias.view().data,
                       .scratch = nullptr});
    copy_elements(dweight, result.weight);
    return result;
  }

  /// The definition.
  double expected_weight(std::int64_t o, std::int64_t i, std::int64_t p, std::int64_t q) const {
    const Window2d& window = GetParam().window;
    const Shape &x = x_.shape(), &y = dy_.shape();
    double sum = 0;
    for (std::int64_t n = 0; n < y[0]; ++n) {
      for (std::int64_t h = 0; h < y[2]; ++h) {
        for (std::int64_t w = 0; w < y[3]; ++w) {
          const std::int64_t row = h * window.stride[0] + p * window.dilation[0] - window.padding_begin[0];
          const std::int64_t column = w * window.stride[1] + q * window.dilation[1] - window.padding_begin[1];
          if (row < 0 || row >= x[2] || column < 0 || column >= x[3]) continue;
          sum += static_cast<double>(at(dy_, {n, o, h, w})) * at(x_, {n, i, row, column});
        }
      }
    }
    return sum;
  }
  static float at(const Tensor& tensor, const std::array<std::int64_t, 4>& index) {
    std::int64_t offset = 0;
    for (int axis = 0; axis < 4; ++axis)
      offset = offset * tensor.shape()[axis] + index[static_cast<std::size_t>(axis)];
    return tensor.as<float>()[static_cast<std::size_t>(offset)];
  }

  Tensor x_, dy_;
};

TEST_P(Conv2dFewChannels, FollowsTheDefinition) {
  const Gradients found = run(2);
  const Shape &weight = GetParam().weight, &y = dy_.shape();
  const double pixels = static_cast<double>(y[0] * y[2] * y[3]);
  for (std::int64_t o = 0; o < weight[0]; ++o) {
    double bias = 0;
    for (std::int64_t n = 0; n < y[0]; ++n) {
      for (std::int64_t i = 0; i < y[2] * y[3]; ++i) bias += at(dy_, {n, o, i / y[3], i % y[3]});
    }
    EXPECT_NEAR(found.bias.as<float>()[static_cast<std::size_t>(o)], bias, 1e-6 * pixels) << o;
    for (std::int64_t i = 0; i < weight[1]; ++i) {
      for (std::int64_t p = 0; p < weight[2]; ++p) {
        for (std::int64_t q = 0; q < weight[3]; ++q)
          EXPECT_NEAR(at(found.weight, {o, i, p, q}), expected_weight(o, i, p, q), 1e-6 * pixels)
              << o << i << p << q;
      }
    }
  }
}

TEST_P(Conv2dFewChannels, GivesTheSameBitsForEveryThreadCount) {
  const Gradients one = run(1), three = run(3);
  EXPECT_TRUE(std::ranges::equal(one.weight.as<float>(), three.weight.as<float>()));
  EXPECT_TRUE(std::ranges::equal(one.bias.as<float>(), three.bias.as<float>()));
}

#ifdef __AVX2__
INSTANTIATE_TEST_SUITE_P(Cases, Conv2dFewChannels, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });
#else
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Conv2dFewChannels);
#endif

}  // namespace
}  // namespace slipway::cpu
