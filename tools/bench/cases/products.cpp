#include "kernels/linear.h"
#include "kernels/matrix_product.h"
#include "tools/bench/kernel_case.h"

namespace slipway {
namespace {

/// [batch] products of [rows, inner] by [inner, columns], as simulated and as real devices get them.
struct Product {
  std::string what;
  MatrixProductProblem simulated, real;
};

std::vector<KernelCase> product_cases(const Product& product) {
  return in_all_precisions("matrix_product", product.what, [=](CaseArrays& arrays, DType dtype) {
    MatrixProductProblem problem = arrays.size(1, 0) == 1 ? product.simulated : product.real;
    problem.dtype = dtype;
    const auto [type, batch, rows, inner, columns, a_lies_transposed, b_lies_transposed] = problem;
    arrays.set_operations(2.0 * static_cast<double>(batch * rows * inner) * static_cast<double>(columns));
    const std::shared_ptr kernel = matrix_product(arrays.stream(), problem);
    return [&arrays, kernel,
            args = MatrixProductArgs{.a = arrays.in(dtype, batch * rows * inner),
                                     .b = arrays.in(dtype, batch * inner * columns),
                                     .y = arrays.out(dtype, batch * rows * columns),
                                     .scratch = arrays.scratch_bytes(kernel->scratch_bytes())}] {
      kernel->run(arrays.stream(), args);
    };
  });
}

/// A layer of 256 features to 256, on real devices 4096 to 4096.
struct Layer {
  Layer(CaseArrays& arrays, DType dtype)
      : rows(arrays.size(256, 4096)),
        width(arrays.size(256, 4096)),
        problem{.x = {dtype, Shape{rows, width}},
                .weight = {dtype, Shape{width, width}},
                .y = {dtype, Shape{rows, width}},
                .has_bias = true,
                .activation = Activation::relu} {
    arrays.set_operations(2.0 * static_cast<double>(rows * width) * static_cast<double>(width));
  }
  std::int64_t rows, width;
  LinearProblem problem;
};

auto run_linear(CaseArrays& arrays, DType dtype) {
  const Layer layer(arrays, dtype);
  const std::shared_ptr kernel = linear_forward(arrays.stream(), layer.problem);
  return [&arrays, kernel,
          args = LinearArgs{.x = arrays.in(dtype, layer.rows * layer.width),
                            .weight = arrays.in(dtype, layer.width * layer.width),
                            .bias = arrays.in(dtype, layer.width),
                            .y = arrays.out(dtype, layer.rows * layer.width),
                            .scratch = arrays.scratch_bytes(kernel->scratch_bytes())}] {
    kernel->run(arrays.stream(), args);
  };
}

auto run_linear_data(CaseArrays& arrays, DType dtype) {
  const Layer layer(arrays, dtype);
  const std::shared_ptr kernel = linear_backward_data(arrays.stream(), layer.problem);
  return [&arrays, kernel,
          args = LinearBackwardDataArgs{.dy = arrays.in(dtype, layer.rows * layer.width),
                                        .weight = arrays.in(dtype, layer.width * layer.width),
                                        .dx = arrays.out(dtype, layer.rows * layer.width),
                                        .scratch = arrays.scratch_bytes(kernel->scratch_bytes())}] {
    kernel->run(arrays.stream(), args);
  };
}

auto run_linear_weights(CaseArrays& arrays, DType dtype) {
  const Layer layer(arrays, dtype);
  const std::shared_ptr kernel = linear_backward_weights(arrays.stream(), layer.problem);
  return [&arrays, kernel,
          args = LinearBackwardWeightsArgs{.x = arrays.in(dtype, layer.rows * layer.width),
                                           .dy = arrays.in(dtype, layer.rows * layer.width),
                                           .dweight = arrays.out(dtype, layer.width * layer.width),
                                           .dbias = arrays.out(dtype, layer.width),
                                           .scratch = arrays.scratch_bytes(kernel->scratch_bytes())}] {
    kernel->run(arrays.stream(), args);
  };
}

const KernelCases registered(
    {product_cases({.what = "large",
                    .simulated = {.batch = 64, .rows = 256, .inner = 16, .columns = 256},
                    .real = {.batch = 1, .rows = 4096, .inner = 4096, .columns = 4096}}),
     product_cases({.what = "long inner axis",
                    .simulated = {.rows = 128, .inner = 1024, .columns = 128},
                    .real = {.rows = 512, .inner = 1 << 17, .columns = 512}}),
     in_all_precisions("linear_forward", "bias, relu", run_linear),
     in_all_precisions("linear_backward_data", "", run_linear_data),
     in_all_precisions("linear_backward_weights", "with bias", run_linear_weights)});

}  // namespace
}  // namespace slipway
