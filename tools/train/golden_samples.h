#pragma once

#include <string>

#include "tools/train/trained_model.h"

namespace slipway {

/// A few inputs on which an exported model can be tried out.
struct GoldenSamples {
  Tensor input;        // [samples, ...], of the type that a batch has
  std::string origin;  // "the first 4 test samples"
};

/// From the test set, or else the validation set, if they are where the configuration says; else made up:
/// random pixels, or values as preprocessing expects them.
GoldenSamples golden_samples(const TrainedModel& trained);

/// What Slipway computes from an input of that kind.
Tensor predict_golden(const TrainedModel& trained, const Tensor& input, const Stream& stream);

}  // namespace slipway
