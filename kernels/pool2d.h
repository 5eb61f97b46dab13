#pragma once

#include <array>

#include "core/runtime/kernel_slot.h"
#include "core/tensor/tensor.h"
#include "kernels/window2d.h"

namespace slipway {

/// Maximum over windows of x [batch, channels, height, width]; padding never wins. `index` gets the place of
/// the first maximum in its window (row * kernel width + column), as uint8 or int32; NaN wins over numbers.
/// x, y and index share one layout: row-major, channels-last or blocked by channel. float32, float64;
/// cuda: also float16, bfloat16, row-major only.
struct MaxPool2dArgs {
  ValueType x_type, y_type, index_type;
  std::array<std::int64_t, 2> kernel;
  Window2d window;
  const void* x;
  void* y;
  void* index;
};
inline constinit KernelSlot<MaxPool2dArgs> max_pool2d_forward{"max_pool2d_forward"};

/// dx = dy where x was the maximum, summed over the windows that it won.
struct MaxPool2dGradientArgs {
  ValueType x_type, y_type, index_type;
  std::array<std::int64_t, 2> kernel;
  Window2d window;
  const void* dy;
  const void* index;
  void* dx;
};
inline constinit KernelSlot<MaxPool2dGradientArgs> max_pool2d_backward{"max_pool2d_backward"};

/// Mean over windows; padding counts as zeros if count_include_pad, else not at all. Dilation is 1.
/// Backward: `x` is dx, which is written, and `y` is dy, which is read.
struct AvgPool2dArgs {
  ValueType x_type, y_type;
  std::array<std::int64_t, 2> kernel;
  Window2d window;
  bool count_include_pad;
  const void* from;  // forward: x, backward: dy
  void* to;          // forward: y, backward: dx
};
inline constinit KernelSlot<AvgPool2dArgs> avg_pool2d_forward{"avg_pool2d_forward"};
inline constinit KernelSlot<AvgPool2dArgs> avg_pool2d_backward{"avg_pool2d_backward"};

/// Mean over the pixels of each channel: x [batch, channels, height, width] -> y [batch, channels] row-major.
struct GlobalAvgPoolArgs {
  ValueType x_type;
  const void* from;  // forward: x, backward: dy
  void* to;          // forward: y, backward: dx
};
inline constinit KernelSlot<GlobalAvgPoolArgs> global_avg_pool_forward{"global_avg_pool_forward"};
inline constinit KernelSlot<GlobalAvgPoolArgs> global_avg_pool_backward{"global_avg_pool_backward"};

/// Maximum over the pixels of each channel and the int32 index of its first pixel, both [batch, channels].
struct GlobalMaxPoolArgs {
  ValueType x_type;
  const void* x;
  void* y;
  std::int32_t* index;
};
inline constinit KernelSlot<GlobalMaxPoolArgs> global_max_pool_forward{"global_max_pool_forward"};
struct GlobalMaxPoolGradientArgs {
  ValueType x_type;
  const void* dy;
  const std::int32_t* index;
  void* dx;
};
inline constinit KernelSlot<GlobalMaxPoolGradientArgs> global_max_pool_backward{"global_max_pool_backward"};

}  // namespace slipway
