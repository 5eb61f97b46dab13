#include "tests/kernels/cuda/products.h"

#include <bit>

#include "kernels/linear.h"
#include "kernels/matrix_product.h"

// Matrix products and linear layers.
namespace slipway::test::products {
namespace {

constexpr bool kHaveCublas = SLIPWAY_HAVE_LIBRARY;
const Names kCublas{"cublaslt"};

struct MatrixSizes {
  std::int64_t batch, rows, inner, columns;
};
// Nothing, one, odd, prime, multiples of the vector width and of the tiles, several parts of k, several
// tiles.
constexpr MatrixSizes kMatrixSizes[] = {{1, 0, 3, 4},      {2, 3, 0, 5},    {1, 1, 1, 1},
                                        {3, 31, 33, 7},    {2, 64, 16, 64}, {1, 129, 40, 136},
                                        {1, 17, 1031, 13}, {1, 130, 8, 257}};

Tensor matrix_product_on(Device device, const MatrixProductProblem& problem, const Tensor& a, const Tensor& b,
                         Tuner* tuner = nullptr, MatrixPrecision precision = MatrixPrecision::float32) {
  DeviceRun run(device, tuner, precision);
  const auto kernel = matrix_product(run.stream(), problem);
  const Shape shape{problem.batch, problem.rows, problem.columns};
  const Tensor y = run.out(problem.dtype, shape);
  kernel->run(
      run.stream(),
      {.a = run.in(a), .b = run.in(b), .y = y.view().data, .scratch = run.scratch(kernel->scratch_bytes())});
  return run.result(y);
}

MatrixProductProblem matrix_problem(DType dtype, const MatrixSizes& s, int transposed) {
  return {.dtype = dtype,
          .batch = s.batch,
          .rows = s.rows,
          .inner = s.inner,
          .columns = s.columns,
          .transpose_a = transposed % 2 == 1,
          .transpose_b = transposed / 2 == 1};
}

void expect_matrix_products(const Format& format, const MatrixSizes& s,
                            const std::vector<Names>& implementations) {
  const auto [dtype, precision] = format;
  const Tensor a = random_tensor(dtype, Shape{s.batch, s.rows * s.inner}, 1);
  const Tensor b = random_tensor(dtype, Shape{s.batch, s.inner * s.columns}, 2);
  const auto factor = [&](const Tensor& values) {
    return precision == MatrixPrecision::tf32 ? rounded_to_tf32(values) : values.cast(DType::float64);
  };
  for (int transposed = 0; transposed < 4; ++transposed) {
    const Tensor expected =
        matrix_product_on(Device{}, matrix_problem(DType::float64, s, transposed), factor(a), factor(b));
    for (const Names& names : implementations) {
      const std::string what = text(names[0], ' ', dtype, " [", s.batch, ", ", s.rows, ", ", s.inner, ", ",
                                    s.columns, "] transposed ", transposed);
      Preferring tuner(names);
      const Tensor y =
          matrix_product_on(kDevice, matrix_problem(dtype, s, transposed), a, b, &tuner, precision);
      expect_close(y, expected, s.inner, what);
      if (kHaveCublas && names != kOurs && a.elements() * b.elements() > 0) tuner.expect_library(1, what);
    }
  }
}

TEST(CudaProducts, MatrixProductIsThatOfTheCpu) {
  for (const DType dtype : kDTypes) {
    for (const MatrixSizes& sizes : kMatrixSizes) expect_matrix_products({dtype}, sizes, {kOurs, kCublas});
  }
}

TEST(CudaProducts, MatrixProductRoundsFactorsToTf32) {
  for (const MatrixSizes& sizes : kMatrixSizes) expect_matrix_products(kTf32, sizes, {kOurs});
}

struct LinearCase {
  std::int64_t rows, in, out;
  bool bias;
  Activation activation;
};

Results linear_on(Device device, const Format& format, const LinearCase& c, Tuner* tuner = nullptr) {
  DeviceRun run(device, tuner, format.precision);
  const DType drawn = device.is_host() ? DType::float64 : format.dtype;
  const auto draw = [&](const Shape& shape, std::uint64_t seed) {
    return run.factor(random_tensor(format.dtype, shape, seed));
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
  const void* bias = c.bias ? run.in(random_tensor(format.dtype, Shape{c.out}, 3).cast(drawn)) : nullptr;
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

constexpr LinearCase kLinearCases[] = {{0, 5, 3, true, Activation::none},
                                       {7, 1, 1, true, Activation::relu},
                                       {31, 33, 17, false, Activation::none},
                                       {64, 128, 10, true, Activation::relu},
                                       {1031, 13, 129, true, Activation::none}};

void expect_linear(const Format& format, const LinearCase& c, const Results& expected, const Names& names) {
  Preferring tuner(names);
  const Results actual = linear_on(kDevice, format, c, &tuner);
  const std::string what = text(names[0], ' ', format.dtype, " rows ", c.rows, " in ", c.in, " out ", c.out);
  expect_close(actual.y, expected.y, c.in, what + " y");
  expect_close(actual.dx, expected.dx, c.out, what + " dx");
  expect_close(actual.dweight, expected.dweight, c.rows, what + " dweight");
  if (c.bias) expect_close(actual.dbias, expected.dbias, c.rows, what + " dbias");
  if (kHaveCublas && names != kOurs && c.rows > 0) tuner.expect_library(3, what);
}

TEST(CudaProducts, LinearIsThatOfTheCpu) {
  for (const DType dtype : kDTypes) {
    for (const LinearCase& c : kLinearCases) {
      const Results expected = linear_on(Device{}, {dtype}, c);
      for (const Names& names : {kOurs, kCublas}) expect_linear({dtype}, c, expected, names);
    }
  }
}

TEST(CudaProducts, LinearRoundsFactorsToTf32) {
  for (const LinearCase& c : kLinearCases) {
    Results expected = linear_on(Device{}, kTf32, c);
    expected.dbias = linear_on(Device{}, {DType::float32}, c).dbias;  // of no factors
    expect_linear(kTf32, c, expected, kOurs);
  }
}

const LinearProblem kOneByOne{.x = {DType::float32, Shape{1, 1}},
                              .weight = {DType::float32, Shape{1, 1}},
                              .y = {DType::float32, Shape{1, 1}},
                              .activation = Activation::relu};

TEST(CudaProducts, NotANumberSpreadsThroughOurRelu) {
  Preferring tuner(kOurs);
  DeviceRun run(kDevice, &tuner);
  const auto kernel = linear_forward(run.stream(), kOneByOne);
  const Tensor y = run.out(DType::float32, Shape{1, 1});
  const Tensor x = Tensor::full(DType::float32, Shape{1, 1}, NAN),
               one = Tensor::full(DType::float32, Shape{1, 1}, 1);
  kernel->run(run.stream(), {.x = run.in(x),
                             .weight = run.in(one),
                             .bias = nullptr,
                             .y = y.view().data,
                             .scratch = run.scratch(kernel->scratch_bytes())});
  EXPECT_TRUE(std::isnan(run.result(y).item()));
}

TEST(CudaProducts, ArraysMayBeginAtAnyElement) {
  Preferring tuner(kCublas);
  DeviceRun run(kDevice, &tuner);
  const MatrixProductProblem problem{.rows = 3, .inner = 5, .columns = 7};
  const auto kernel = matrix_product(run.stream(), problem);
  const Tensor a = random_tensor(DType::float32, Shape{1, 15}, 1),
               b = random_tensor(DType::float32, Shape{1, 35}, 2);
  const Tensor y = run.out(DType::float32, Shape{22});
  kernel->run(run.stream(), {.a = run.in(a),
                             .b = run.in(b),
                             .y = y.view().data + sizeof(float),
                             .scratch = run.scratch(kernel->scratch_bytes())});
  const Tensor expected =
      matrix_product_on(Device{}, {.dtype = DType::float64, .rows = 3, .inner = 5, .columns = 7},
                        a.cast(DType::float64), b.cast(DType::float64));
  const Tensor result = run.result(y);
  for (std::size_t i = 0; i < 21; ++i) {
    EXPECT_NEAR(result.as<float>()[i + 1], expected.as<double>()[i], 1e-5) << "element " << i;
  }
}

TEST(CudaProducts, AreMeasuredOnceAndRemembered) {
  Tuner tuner;
  const MatrixSizes sizes{1, 4, 8, 4};
  const Tensor a = random_tensor(DType::float32, Shape{1, 32}, 1),
               b = random_tensor(DType::float32, Shape{1, 32}, 2);
  const Tensor first = matrix_product_on(kDevice, matrix_problem(DType::float32, sizes, 0), a, b, &tuner);
  const auto choices = tuner.choices();
  const Tensor again = matrix_product_on(kDevice, matrix_problem(DType::float32, sizes, 0), a, b, &tuner);
  EXPECT_EQ(tuner.choices(), choices);
  for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(first.as<float>()[i], again.as<float>()[i]);
}

/// y = x of one element, on a stream of this precision; by a library if there is one and no tuner.
float pass_through(MatrixPrecision precision, float value, Tuner* tuner = nullptr) {
  const Queue queue(kDevice);
  const Stream stream{
      .device = kDevice, .native = queue.native(), .tuner = tuner, .matrix_precision = precision};
  const auto kernel = linear_forward(stream, kOneByOne);
  const Tensor x = Tensor::full(DType::float32, Shape{1, 1}, value).to(kDevice),
               one = Tensor::full(DType::float32, Shape{1, 1}, 1).to(kDevice),
               y(DType::float32, Shape{1, 1}, kDevice);
  const Buffer scratch(kDevice, kernel->scratch_bytes());
  kernel->run(stream, {.x = x.view().data,
                       .weight = one.view().data,
                       .bias = nullptr,
                       .y = y.view().data,
                       .scratch = scratch.data()});
  return static_cast<float>(y.to(Device{}).item());
}

TEST(CudaProducts, Float32IsRoundedOnlyIfTheStreamAllowsIt) {
  constexpr float kFine = 1 + 0x1p-12f;  // more bits than TF32 has
  EXPECT_EQ(pass_through(MatrixPrecision::float32, kFine), kFine);
  EXPECT_NEAR(pass_through(MatrixPrecision::tf32, kFine), kFine, 0x1p-10f);
}

TEST(CudaProducts, OurTf32IsTheNearest) {
  Preferring tuner(kOurs);
  const auto rounded = [&](float value) { return pass_through(MatrixPrecision::tf32, value, &tuner); };
  EXPECT_EQ(rounded(1 + 0x1p-12f), 1);
  EXPECT_EQ(rounded(1 + 0x1p-11f), 1 + 0x1p-10f);  // as near to 1
  EXPECT_EQ(rounded(1 + 0x1.8p-11f), 1 + 0x1p-10f);
  EXPECT_EQ(rounded(2 - 0x1p-23f), 2);
  EXPECT_EQ(rounded(INFINITY), INFINITY);
  // Its payload is what rounding takes away.
  EXPECT_TRUE(std::isnan(rounded(std::bit_cast<float>(0x7f800001u))));
}

}  // namespace
}  // namespace slipway::test::products
