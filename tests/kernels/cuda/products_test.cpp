#include <gtest/gtest.h>

#include <cmath>

#include "core/base/random.h"
#include "core/tensor/tensor.h"
#include "kernels/conv2d.h"
#include "kernels/linear.h"
#include "kernels/matrix_product.h"

// Matrix products, linear layers and convolutions on the device against the CPU's kernels in float64 on the
// same values.

namespace slipway {
namespace {

constexpr Device kDevice{DeviceKind::cuda, 0};
constexpr DType kDTypes[] = {DType::float32, DType::float64, DType::float16, DType::bfloat16};

/// Values that the dtype represents exactly, in [-1, 1].
Tensor random_tensor(DType dtype, const Shape& shape, std::uint64_t seed) {
  Tensor values(DType::float32, shape);
  RandomSequence random(Philox{.key = seed});
  for (float& value : values.as<float>()) value = static_cast<float>(random.uniform(-1, 1));
  return values.cast(dtype);
}

double epsilon(DType dtype) {
  switch (dtype) {
    case DType::float64:
      return 0x1p-52;
    case DType::float16:
      return 0x1p-10;
    case DType::bfloat16:
      return 0x1p-7;
    default:
      return 0x1p-23;
  }
}

/// A sum of `terms` products of values up to 1 is off by the rounding of its additions, in float32 for 16-bit
/// factors, and by that of the result.
void expect_close(const Tensor& actual, const Tensor& expected, std::int64_t terms, const std::string& what) {
  const DType dtype = actual.dtype();
  const double magnitude = std::sqrt(static_cast<double>(terms)) + 1;
  const double of_sum = (dtype == DType::float64 ? 0x1p-52 : 0x1p-23) * static_cast<double>(terms + 1);
  const Tensor values = actual.cast(DType::float64);
  ASSERT_EQ(values.shape(), expected.shape()) << what;
  for (std::int64_t i = 0; i < values.elements(); ++i) {
    const double a = values.as<double>()[static_cast<std::size_t>(i)];
    const double b = expected.as<double>()[static_cast<std::size_t>(i)];
    ASSERT_LE(std::abs(a - b), of_sum + epsilon(dtype) * (std::abs(b) + 0.01 * magnitude))
        << what << ", element " << i;
  }
}

/// One kernel's run on a device: inputs are taken there, outputs come back.
class DeviceRun {
 public:
  explicit DeviceRun(Device device)
      : device_(device), queue_(device), stream_{.device = device, .native = queue_.native()} {}
  const Stream& stream() const { return stream_; }
  const void* in(const Tensor& host) {
    kept_.push_back(host.to(device_));
    return kept_.back().view().data;
  }
  Tensor out(DType dtype, const Shape& shape) const { return Tensor(dtype, shape, device_); }
  std::byte* scratch(std::size_t bytes) {
    kept_.emplace_back(DType::uint8, Shape{static_cast<std::int64_t>(bytes)}, device_);
    return kept_.back().view().data;
  }
  Tensor result(const Tensor& output) const { return output.to(Device{}); }

 private:
  Device device_;
  Queue queue_;
  Stream stream_;
  std::vector<Tensor> kept_;
};

struct MatrixSizes {
  std::int64_t batch, rows, inner, columns;
};
// Nothing, one, odd, prime, multiples of the vector width and of the tiles, several parts of k, several
// tiles.
constexpr MatrixSizes kMatrixSizes[] = {{1, 0, 3, 4},      {2, 3, 0, 5},    {1, 1, 1, 1},
                                        {3, 31, 33, 7},    {2, 64, 16, 64}, {1, 129, 40, 136},
                                        {1, 17, 1031, 13}, {1, 130, 8, 257}};

Tensor matrix_product_on(Device device, const MatrixProductProblem& problem, const Tensor& a,
                         const Tensor& b) {
  DeviceRun run(device);
  const auto kernel = matrix_product(run.stream(), problem);
  const Shape shape{problem.batch, problem.rows, problem.columns};
  const Tensor y = run.out(problem.dtype, shape);
  kernel->run(
      run.stream(),
      {.a = run.in(a), .b = run.in(b), .y = y.view().data, .scratch = run.scratch(kernel->scratch_bytes())});
  return run.result(y);
}

TEST(CudaProducts, MatrixProductIsThatOfTheCpu) {
  for (const DType dtype : kDTypes) {
    for (const MatrixSizes& s : kMatrixSizes) {
      for (int transposed = 0; transposed < 4; ++transposed) {
        MatrixProductProblem problem{.dtype = dtype,
                                     .batch = s.batch,
                                     .rows = s.rows,
                                     .inner = s.inner,
                                     .columns = s.columns,
                                     .transpose_a = transposed % 2 == 1,
                                     .transpose_b = transposed / 2 == 1};
        const Tensor a = random_tensor(dtype, Shape{s.batch, s.rows * s.inner}, 1);
        const Tensor b = random_tensor(dtype, Shape{s.batch, s.inner * s.columns}, 2);
        const Tensor y = matrix_product_on(kDevice, problem, a, b);
        problem.dtype = DType::float64;
        const Tensor expected =
            matrix_product_on(Device{}, problem, a.cast(DType::float64), b.cast(DType::float64));
        expect_close(y, expected, s.inner,
                     text(dtype, " [", s.batch, ", ", s.rows, ", ", s.inner, ", ", s.columns, "] transposed ",
                          transposed));
      }
    }
  }
}

struct Results {
  Tensor y, dx, dweight, dbias;
};

struct LinearCase {
  std::int64_t rows, in, out;
  bool bias;
  Activation activation;
};

Results linear_on(Device device, DType dtype, const LinearCase& c) {
  DeviceRun run(device);
  const DType drawn = device.is_host() ? DType::float64 : dtype;
  const auto draw = [&](const Shape& shape, std::uint64_t seed) {
    return run.in(random_tensor(dtype, shape, seed).cast(drawn));
  };
  const LinearProblem problem{.x = {drawn, Shape{c.rows, c.in}},
                              .weight = {drawn, Shape{c.out, c.in}},
                              .y = {drawn, Shape{c.rows, c.out}},
                              .has_bias = c.bias,
                              .activation = c.activation};
  LinearProblem plain = problem;
  plain.activation = Activation::none;
  const void *x = draw(problem.x.shape, 1), *weight = draw(problem.weight.shape, 2),
             *dy = draw(problem.y.shape, 4);
  const void* bias = c.bias ? draw(Shape{c.out}, 3) : nullptr;
  const Tensor y = run.out(drawn, problem.y.shape), dx = run.out(drawn, problem.x.shape);
  const Tensor dweight = run.out(drawn, problem.weight.shape), dbias = run.out(drawn, Shape{c.out});
  const auto forward = linear_forward(run.stream(), problem);
  const auto data = linear_backward_data(run.stream(), plain);
  const auto weights = linear_backward_weights(run.stream(), plain);
  forward->run(run.stream(), {.x = x,
                              .weight = weight,
                              .bias = bias,
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

TEST(CudaProducts, LinearIsThatOfTheCpu) {
  const LinearCase cases[] = {{0, 5, 3, true, Activation::none},
                              {7, 1, 1, true, Activation::relu},
                              {31, 33, 17, false, Activation::none},
                              {64, 128, 10, true, Activation::relu},
                              {1031, 13, 129, true, Activation::none}};
  for (const DType dtype : kDTypes) {
    for (const LinearCase& c : cases) {
      const Results actual = linear_on(kDevice, dtype, c), expected = linear_on(Device{}, dtype, c);
      const std::string what = text(dtype, " rows ", c.rows, " in ", c.in, " out ", c.out);
      expect_close(actual.y, expected.y, c.in, what + " y");
      expect_close(actual.dx, expected.dx, c.out, what + " dx");
      expect_close(actual.dweight, expected.dweight, c.rows, what + " dweight");
      if (c.bias) expect_close(actual.dbias, expected.dbias, c.rows, what + " dbias");
    }
  }
}

struct Conv2dCase {
  Shape x, weight;
  Window2d window;
  std::int64_t groups;
  bool bias, residual;
  Activation activation;
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

Results conv2d_on(Device device, DType dtype, const Conv2dCase& c) {
  DeviceRun run(device);
  const DType drawn = device.is_host() ? DType::float64 : dtype;
  const auto draw = [&](const Shape& shape, std::uint64_t seed) {
    return run.in(random_tensor(dtype, shape, seed).cast(drawn));
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
  const void *x = draw(c.x, 1), *weight = draw(c.weight, 2), *dy = draw(y_shape, 4);
  const void* bias = c.bias ? draw(bias_shape, 3) : nullptr;
  const void* residual = c.residual ? draw(y_shape, 5) : nullptr;
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

TEST(CudaProducts, ConvolutionIsThatOfTheCpu) {
  const Window2d same{.padding_begin = {1, 1}, .padding_end = {1, 1}};
  const Window2d strided{.stride = {2, 3}, .padding_begin = {1, 0}, .padding_end = {2, 1}};
  const Window2d dilated{.dilation = {2, 1}, .padding_begin = {2, 1}, .padding_end = {2, 1}};
  const Conv2dCase cases[] = {
      {{1, 1, 1, 1}, {1, 1, 1, 1}, {}, 1, true, false, Activation::none},
      {{0, 2, 5, 5}, {3, 2, 3, 3}, same, 1, true, false, Activation::none},
      {{2, 3, 9, 7}, {5, 3, 3, 3}, same, 1, true, true, Activation::relu},
      {{3, 4, 11, 13}, {6, 2, 3, 2}, strided, 2, false, false, Activation::relu},
      {{2, 5, 8, 8}, {7, 5, 3, 3}, dilated, 1, true, false, Activation::none},
      {{2, 6, 6, 5}, {6, 1, 3, 3}, same, 6, true, false, Activation::none},
      {{2, 3, 7, 9}, {6, 1, 2, 3}, strided, 3, true, true, Activation::relu},
      {{2, 16, 12, 12}, {70, 16, 1, 1}, {.stride = {2, 2}}, 1, false, true, Activation::none},
      {{4, 17, 16, 16}, {33, 17, 3, 3}, same, 1, true, false, Activation::relu},
  };
  for (const DType dtype : kDTypes) {
    for (const Conv2dCase& c : cases) {
      const Results actual = conv2d_on(kDevice, dtype, c), expected = conv2d_on(Device{}, dtype, c);
      const std::string what = text(dtype, " x ", c.x, " weight ", c.weight);
      const std::int64_t taps = c.weight.elements(1, 4), pixels = expected.y.elements() / c.weight[0];
      expect_close(actual.y, expected.y, taps, what + " y");
      expect_close(actual.dx, expected.dx, taps * c.weight[0], what + " dx");
      expect_close(actual.dweight, expected.dweight, pixels, what + " dweight");
      if (c.bias) expect_close(actual.dbias, expected.dbias, pixels, what + " dbias");
    }
  }
}

TEST(CudaProducts, NotANumberSpreadsThroughRelu) {
  const LinearCase c{1, 1, 1, false, Activation::relu};
  DeviceRun run(kDevice);
  const LinearProblem problem{.x = {DType::float32, Shape{1, 1}},
                              .weight = {DType::float32, Shape{1, 1}},
                              .y = {DType::float32, Shape{1, 1}},
                              .activation = c.activation};
  const auto kernel = linear_forward(run.stream(), problem);
  const Tensor y = run.out(DType::float32, Shape{1, 1});
  const Tensor x = Tensor::full(DType::float32, Shape{1, 1}, NAN),
               one = Tensor::full(DType::float32, Shape{1, 1}, 1);
  kernel->run(
      run.stream(),
      {.x = run.in(x), .weight = run.in(one), .bias = nullptr, .y = y.view().data, .scratch = nullptr});
  EXPECT_TRUE(std::isnan(run.result(y).item()));
}

}  // namespace
}  // namespace slipway
