#pragma once

#include "core/base/dtype.h"
#include "core/base/shape.h"
#include "core/runtime/kernel_slot.h"

namespace slipway {

enum class BinaryFunction { add, subtract, multiply, divide, maximum, minimum, maximum_share, equal };

/// y = f(a, b) over the dense row-major y. The strides, in elements, say where a and b move along each axis
/// of y; 0 repeats. y may be the memory of an operand of its own shape. Like Math.max, maximum and minimum
/// are NaN if an operand is. maximum_share is how much of the maximum is a: 1, 0, or 1/2 if both are equal;
/// equal is 1 or 0. Integers wrap around; divided by 0 they are 0.
struct BinaryArgs {
  BinaryFunction function;
  DType dtype;  // float32, float64, int32, int64; cuda: also float16, bfloat16
  const void* a;
  const void* b;
  void* y;
  Shape shape;
  Dims a_strides;
  Dims b_strides;
};
inline constinit KernelSlot<BinaryArgs> binary{"binary"};

}  // namespace slipway
