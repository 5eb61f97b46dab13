#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/comm/communicator.h"

namespace slipway::test {

// Plain descent: adaptive steps would blow up the rounding of a bias in front of a normalisation, whose
// gradient is 0. 22 samples in batches of 5: the last has 2, of which the third of four ranks gets none.
inline constexpr const char* kImages = R"(
data:
  train: {random: {shape: [1, 6, 6], classes: 3, samples: 22}}
model:
  - conv2d: {filters: 5, kernel: 3, padding: 1}
  - batch_norm
  - relu
  - residual: [conv2d: {filters: 5, kernel: 3, padding: 1}, batch_norm]
  - relu
  - max_pool: 2
  - flatten
  - dropout: 0.3
  - linear: 7
  - batch_norm
  - layer_norm
  - gelu
  - linear: 3
loss: {cross_entropy: {class_weights: [0.5, 2, 1], label_smoothing: 0.1}}
metrics: [accuracy]
train: {batch_size: 5, clip_norm: 1, average_decay: 0.9, optimizer: {sgd: {learning_rate: 0.01, momentum: 0.9}}}
)";

inline constexpr const char* kTable = R"(
data:
  train: {random: {shape: [6], classes: 3, samples: 22}}
model: [linear: 8, relu, linear: 3]
loss: {cross_entropy: {ignored_label: 1}}
metrics: [accuracy]
train: {batch_size: 7, accumulate: 2, optimizer: {adamw: {learning_rate: 0.01}}}
)";

/// Eight megabytes of gradients, which travel in several buckets.
inline constexpr const char* kWide = R"(
data:
  train: {random: {shape: [700], classes: 3, samples: 10}}
model: [linear: 1100, relu, linear: 1100, relu, linear: 3]
loss: cross_entropy
metrics: [accuracy]
train: {batch_size: 5, accumulate: 2, optimizer: {sgd: {learning_rate: 0.01, momentum: 0.9}}}
)";

/// One of these with a further entry in `train`.
std::string with_setting(std::string yaml, const std::string& setting);

/// What a training run has come to.
struct Learned {
  std::vector<double> figures;  // of every batch: loss, norm of the gradient; then of the evaluation
  std::map<std::string, Tensor> variables;  // as in a checkpoint
};

struct LearnOptions {
  Stream stream = {};
  Communicator* ranks = nullptr;  // or this one alone
  bool capture = true;
  int epochs = 2;
};
/// Trains, and evaluates what was learnt.
Learned learn(const std::string& yaml, const LearnOptions& options = {});

void expect_same(const Learned& actual, const Learned& expected, double tolerance);
/// Of all variables.
void expect_same_bits(const Learned& actual, const Learned& expected);

}  // namespace slipway::test
