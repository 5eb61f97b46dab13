#pragma once

#include <string>

namespace slipway::test {

/// Builds each case of a group of tests/reference/layers.py and compares names and values of parameters and
/// state, outputs in training and evaluation, and gradients of input and parameters with PyTorch's, in
/// float64 and float32, with the passes that a training step goes through.
void expect_follows_pytorch(const std::string& group);

}  // namespace slipway::test
