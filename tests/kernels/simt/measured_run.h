#pragma once

#include <vector>

#include "kernels/simt/runtime/control.h"
#include "tools/train/data_source.h"
#include "tools/train/model.h"

namespace slipway::test {

/// What a run has found out.
struct Figures {
  std::vector<double> losses, gradient_norms;  // of each step
  std::vector<double> evaluated;               // metrics after each epoch

  bool operator==(const Figures&) const = default;
};

struct MeasuredRun {
  Figures figures;
  std::vector<simt::Usage> usage;  // of the simulated devices, after each step
};

/// Of several runs the same: what is trained, and where.
struct RunParts {
  const RunConfig& config;
  const DataSource& source;
  const Model& model;
  Stream stream;
  Communicator* ranks = nullptr;  // of which this is one
};

/// A whole run as `slipway train` does it. Every rank returns what it found out.
MeasuredRun measure_run(const RunParts& parts);

/// The most by which one of these figures is off, relative to what is expected; infinite if their numbers
/// differ or one is not finite.
double largest_error(const std::vector<double>& actual, const std::vector<double>& expected);

}  // namespace slipway::test
