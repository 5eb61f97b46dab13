#pragma once

#include "core/runtime/kernel_slot.h"
#include "core/tensor/copy_plan.h"

namespace slipway {

/// Copies every element from one placement to another; padding of the destination is zeroed. The two must not
/// overlap.
struct ReorderArgs {
  const CopyPlan* plan;
  const void* from;
  void* to;
};
inline constinit KernelSlot<ReorderArgs> reorder{"reorder"};

}  // namespace slipway
