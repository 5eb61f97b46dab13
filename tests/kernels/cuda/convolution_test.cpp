#include "kernels/conv2d.h"
#include "tests/kernels/cuda/products.h"

namespace slipway::test::products {
namespace {

constexpr bool kHaveCudnn = SLIPWAY_HAVE_LIBRARY;

struct Conv2dCase {
  Shape x, weight;
  Window2d window;
  std::int64_t groups;
  bool bias, residual;
  Activation activation;
  bool by_library = true;  // not what is empty, or is made larger by padding one end more than the other
};

Shape output_shape(const Conv2dCase& c) {
  Shape y{c.x[0], c.weight[0]};
  for (int axis = 0; axis < 2; ++axis) {
    const auto k = static_cast<std::size_t>(axis);
    const std::int64_t reach = (c.weight[2 + axis] - 1) * c.window.dilation[k] + 1;
    y.push_back((c.x[2 + axis] + c.window.padding_begin[k] + c.window.padding_end[k] - reach) /
                    c.window.stride[k] +
                1);
  }
  return y;
}

Results conv2d_on(Device device, const Format& format, const Conv2dCase& c, Tuner* tuner = nullptr) {
  DeviceRun run(device, tuner, format.precision);
  const DType drawn = device.is_host() ? DType::float64 : format.dtype;
  const auto factor = [&](const Shape& shape, std::uint64_t seed) {
    return run.factor(random_tensor(format.dtype, shape, seed));
  };
  const auto addend = [&](const Shape& shape, std::uint64_t seed) {
    return run.in(random_tensor(format.dtype, shape, seed).cast(drawn));
  };
  const Shape y_shape = output_shape(c), bias_shape{c.weight[0]};
  const Conv2dProblem problem{.x = {drawn, c.x},
                              .weight = {drawn, c.weight},
                              .y = {drawn, y_shape},
                              .window = c.window,
                              .groups = c.groups,
                              .has_bias = c.bias,
                              .has_residual = c.residual,
                              .activation = c.activation};
  Conv2dProblem plain = problem;
  plain.has_residual = false;
  plain.activation = Activation::none;
  const void *x = factor(c.x, 1), *weight = factor(c.weight, 2), *dy = factor(y_shape, 4);
  const void* bias = c.bias ? addend(bias_shape, 3) : nullptr;
  const void* residual = c.residual ? addend(y_shape, 5) : nullptr;
  const Tensor y = run.out(drawn, y_shape), dx = run.out(drawn, c.x);
  const Tensor dweight = run.out(drawn, c.weight), dbias = run.out(drawn, bias_shape);
  const auto forward = conv2d_forward(run.stream(), problem);
  const auto data = conv2d_backward_data(run.stream(), plain);
  const auto weights = conv2d_backward_weights(run.stream(), plain);
  forward->run(run.stream(), {.x = x,
                              .weight = weight,
                              .bias = bias,
                              .residual = residual,
                              .y = y.view().data,
                              .scratch = run.scratch(forward->scratch_bytes())});
  data->run(
      run.stream(),
      {.dy = dy, .weight = weight, .dx = dx.view().data, .scratch = run.scratch(data->scratch_bytes())});
  weights->run(run.stream(), {.x = x,
                              .dy = dy,
                              .dweight = dweight.view().data,
                              .dbias = c.bias ? dbias.view().data : nullptr,
                              .scratch = run.scratch(weights->scratch_bytes())});
  return {run.result(y), run.result(dx), run.result(dweight), c.bias ? run.result(dbias) : Tensor()};
}

/// What each preference takes for the forward convolution and for its gradients.
const Names kCudnn{"cudnn implicit_precomp_gemm", "cudnn 1"};
const Names kCudnnImplicit{"cudnn implicit_gemm", "cudnn implicit_precomp_gemm", "cudnn 1"};
const Names kCudnnExplicit{"cudnn gemm", "cudnn implicit_precomp_gemm", "cudnn 1"};

void expect_convolution(const Format& format, const Conv2dCase& c, const Results& expected,
                        const Names& names) {
  Preferring tuner(names);
  const Results actual = conv2d_on(kDevice, format, c, &tuner);
  const std::string what = text(names[0], ' ', format.dtype, " x ", c.x, " weight ", c.weight);
  const std::int64_t taps = c.weight.elements(1, 4), pixels = expected.y.elements() / c.weight[0];
  expect_close(actual.y, expected.y, taps, what + " y");
  expect_close(actual.dx, expected.dx, taps * c.weight[0], what + " dx");
  expect_close(actual.dweight, expected.dweight, pixels, what + " dweight");
  if (c.bias) expect_close(actual.dbias, expected.dbias, pixels, what + " dbias");
  if (kHaveCudnn && names != kOurs && c.by_library) tuner.expect_library(3, what);
}

std::vector<Conv2dCase> convolution_cases() {
  const Window2d same{.padding_begin = {1, 1}, .padding_end = {1, 1}};
  const Window2d strided{.stride = {2, 3}, .padding_begin = {1, 0}, .padding_end = {2, 1}};
  const Window2d uneven{.stride = {2, 2}, .padding_begin = {1, 1}, .padding_end = {0, 1}};
  const Window2d dilated{.dilation = {2, 1}, .padding_begin = {2, 1}, .padding_end = {2, 1}};
  return {
      {{1, 1, 1, 1}, {1, 1, 1, 1}, {}, 1, true, false, Activation::none},
      {{0, 2, 5, 5}, {3, 2, 3, 3}, same, 1, true, false, Activation::none, false},
      {{2, 3, 9, 7}, {5, 3, 3, 3}, same, 1, true, true, Activation::relu},
      {{3, 4, 11, 13}, {6, 2, 3, 2}, strided, 2, false, false, Activation::relu, false},
      {{3, 4, 10, 13}, {6, 2, 3, 2}, uneven, 2, false, false, Activation::relu},
      {{2, 5, 8, 8}, {7, 5, 3, 3}, dilated, 1, true, false, Activation::none},
      {{2, 6, 6, 5}, {6, 1, 3, 3}, same, 6, true, false, Activation::none},
      {{2, 3, 7, 9}, {6, 1, 2, 3}, strided, 3, true, true, Activation::relu, false},
      {{2, 16, 12, 12}, {70, 16, 1, 1}, {.stride = {2, 2}}, 1, false, true, Activation::none},
      {{4, 17, 16, 16}, {33, 17, 3, 3}, same, 1, true, false, Activation::relu},
      {{2, 3, 5, 6}, {4, 3, 3, 3}, same, 1, false, false, Activation::none},
  };
}

/// Depthwise, with windows whose rows are read in packs: rows of fewer elements than the widest has, of one,
/// of some within a warp, of a warp and a part, planes too small for a warp, and none.
std::vector<Conv2dCase> cases_of_packs() {
  const Window2d same{.padding_begin = {1, 1}, .padding_end = {1, 1}};
  const Window2d halved{.stride = {2, 2}, .padding_begin = {1, 1}, .padding_end = {1, 1}};
  const Window2d shifted{.stride = {2, 2}, .padding_begin = {0, 1}, .padding_end = {2, 0}};
  std::vector<Conv2dCase> all;
  for (const std::int64_t columns : {2, 4, 6, 8, 40}) {
    all.push_back({{3, 3, 9, columns}, {3, 1, 3, 3}, same, 3, true, true, Activation::relu});
    all.push_back({{3, 2, 9, columns}, {4, 1, 3, 3}, halved, 2, true, true, Activation::none});
  }
  for (const std::int64_t columns : {8, 12, 264}) {
    const Window2d around_two{.padding_begin = {2, 2}, .padding_end = {2, 2}};
    const Window2d around_three{.padding_begin = {3, 3}, .padding_end = {3, 3}};
    const Window2d halved_by_five{.stride = {2, 2}, .padding_begin = {2, 2}, .padding_end = {2, 2}};
    all.push_back({{2, 2, 9, columns}, {4, 1, 5, 5}, around_two, 2, true, true, Activation::relu});
    all.push_back({{2, 2, 9, columns}, {2, 1, 5, 5}, halved_by_five, 2, true, false, Activation::none});
    all.push_back({{2, 2, 9, columns}, {4, 1, 7, 7}, around_three, 2, true, true, Activation::none});
  }
  all.push_back({{2, 2, 3, 264}, {4, 1, 3, 3}, same, 2, false, false, Activation::none});
  all.push_back({{2, 2, 4, 528}, {2, 1, 3, 3}, halved, 2, false, true, Activation::none});
  all.push_back({{70, 2, 8, 8}, {2, 1, 3, 3}, same, 2, true, false, Activation::none});
  all.push_back({{2, 2, 11, 16}, {2, 1, 3, 3}, shifted, 2, true, false, Activation::relu, false});
  all.push_back({{0, 2, 4, 8}, {2, 1, 3, 3}, same, 2, true, false, Activation::none, false});
  return all;
}

TEST(CudaConvolution, IsThatOfTheCpu) {
  for (const DType dtype : kDTypes) {
    for (const Conv2dCase& c : convolution_cases()) {
      const Results expected = conv2d_on(Device{}, {dtype}, c);
      for (const Names& names : {kOurs, kCudnn, kCudnnImplicit, kCudnnExplicit}) {
        expect_convolution({dtype}, c, expected, names);
      }
    }
    for (const Conv2dCase& c : cases_of_packs())
      expect_convolution({dtype}, c, conv2d_on(Device{}, {dtype}, c), kOurs);
  }
}

/// The direct kernels of depthwise convolution, which is no matrix product, have nothing to gain from it.
TEST(CudaConvolution, RoundsFactorsToTf32UnlessDepthwise) {
  for (const Conv2dCase& c : convolution_cases()) {
    const bool depthwise = c.groups > 1 && c.weight[1] == 1;
    Results expected = conv2d_on(Device{}, depthwise ? Format{DType::float32} : kTf32, c);
    expected.dbias = conv2d_on(Device{}, {DType::float32}, c).dbias;  // of no factors
    expect_convolution(kTf32, c, expected, kOurs);
  }
}

}  // namespace
}  // namespace slipway::test::products
