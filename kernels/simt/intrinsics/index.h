#pragma once

#include "kernels/simt/block.h"

#define threadIdx (::slipway::simt::current.thread->index)
#define blockIdx (::slipway::simt::current.block->index)
#define blockDim (::slipway::simt::current.block->shape)
#define gridDim (::slipway::simt::current.block->grid)
inline constexpr int warpSize = ::slipway::simt::kWarpSize;
