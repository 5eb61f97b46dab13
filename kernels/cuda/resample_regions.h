#pragma once

#include "kernels/preprocess.h"

namespace slipway::cuda {

/// take_regions where regions are resampled.
void resample_regions(const Stream& stream, const TakeRegionsArgs& args);

}  // namespace slipway::cuda
