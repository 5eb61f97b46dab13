// Fits a line to points by gradient descent: Slipway's tensors and ops used directly, without a model.
//
//   find_package(slipway REQUIRED)
//   add_executable(fit_line fit_line.cpp)
//   target_link_libraries(fit_line PRIVATE slipway::slipway)
#include <cmath>
#include <iostream>

#include "layers/ops/binary.h"
#include "layers/ops/matmul.h"

int main() {
  using namespace slipway;

  // Points of y = 2 x - 1. A column of ones beside x makes the offset a coefficient like the slope.
  const Tensor x = Tensor::of<float>({5, 2}, {-2, 1, -1, 1, 0, 1, 1, 1, 2, 1});
  const Tensor y = Tensor::of<float>({5, 1}, {-5, -3, -1, 1, 3});

  // An op is an object that holds its settings; run_op applies it to tensors at once. Shapes broadcast as in
  // NumPy, and a mismatch throws slipway::Error with both shapes in its message.
  const Binary add(BinaryFunction::add), subtract(BinaryFunction::subtract),
      multiply(BinaryFunction::multiply);
  const MatMul product, transposed_product({.transpose_a = true});
  const Tensor step = Tensor::scalar(-0.05f);

  Tensor line = Tensor::zeros(DType::float32, {2, 1});  // slope and offset
  for (int i = 0; i < 100; ++i) {
    const Tensor prediction = run_op(product, {x, line});            // [5, 1]
    const Tensor error = run_op(subtract, {prediction, y});          // [5, 1]
    const Tensor gradient = run_op(transposed_product, {x, error});  // [2, 1], of half the squared error
    line = run_op(add, {line, run_op(multiply, {gradient, step})});
  }

  // as<float>() gives all elements as a std::span, at() one of them; a tensor prints with type and shape.
  std::cout << "y = " << line.at({0, 0}) << " x + " << line.at({1, 0}) << "; " << line << '\n';
  const bool found = std::abs(line.at({0, 0}) - 2) < 1e-4 && std::abs(line.at({1, 0}) + 1) < 1e-4;
  return found ? 0 : 1;
}
