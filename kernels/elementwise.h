#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "core/base/dtype.h"
#include "core/base/shape.h"
#include "core/runtime/kernel_slot.h"

namespace slipway {

/// What a step of an elementwise program works on: an input, what an earlier step computed, or a number.
struct ElementwiseOperand {
  enum class Source : std::uint8_t { none, input, step, number };
  Source source = Source::none;
  std::uint8_t index = 0;  // of the input or the step
  double number = 0;

  friend bool operator==(const ElementwiseOperand&, const ElementwiseOperand&) = default;
};

/// value = function(a, b); a and b are not both numbers.
struct ElementwiseStep {
  enum class Kind : std::uint8_t {
    unary,           // f(a)
    unary_gradient,  // a f'(b), as UnaryGradientArgs has it
    binary,          // f(a, b)
    relu,            // a > 0 ? a : slope a
    relu_gradient,   // b > 0 ? a : slope a
    round            // a, as a DType holds it
  };
  Kind kind = Kind::unary;
  std::uint8_t function = 0;  // a UnaryFunction, a BinaryFunction or a DType
  /// Where the value waits to be read: 0 if only the next step reads it, else one of the slots from 1 on. The
  /// last step's value is the result.
  std::uint8_t slot = 0;
  double slope = 0;
  ElementwiseOperand a, b;
};

/// y = the value of the last step, element by element, in one pass over memory. What lies between the steps
/// is not rounded. y may be the memory of an input of its own type and shape.
struct ElementwiseArgs {
  static constexpr int kMostSteps = 16, kMostInputs = 6, kMostSlots = 4;
  struct Input {
    const void* data = nullptr;
    DType dtype = DType::float32;
    Dims strides;  // in elements along each axis of y; 0 repeats
  };
  std::span<const ElementwiseStep> steps;  // 1 to kMostSteps
  std::array<Input, kMostInputs> inputs;
  int input_count = 0;
  DType dtype;  // of y. All are float32, or all float64; cuda: also any mix of float32, float16, bfloat16
  void* y;
  Shape shape;  // of the dense y
};
inline constinit KernelSlot<ElementwiseArgs> elementwise_kernel{"elementwise"};

}  // namespace slipway
