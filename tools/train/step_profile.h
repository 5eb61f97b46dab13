#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "core/comm/mpi.h"
#include "data/loader.h"
#include "tools/train/chrome_trace.h"
#include "tools/train/profile.h"
#include "tools/train/training_program.h"

namespace slipway {

/// Where the time of training steps goes: medians of several steps.
struct StepProfile {
  struct Part {
    std::string name;  // "waiting for data", "backward"
    double seconds = 0;
  };
  std::vector<NodeProfile> nodes;  // of all batches of a step
  std::vector<Part> parts;
  double seconds = 0;  // of a step
  int steps = 0;       // that were measured

  /// Of the ranks' gradients in a step, in seconds: how long they travelled, and how long this rank waited.
  struct Exchange {
    double travelled = 0, waited = 0;
  };
  std::optional<Exchange> exchange;
};

struct StepProfileOptions {
  int steps = 10;
  ChromeTrace* trace = nullptr;                    // takes every step, if given
  std::vector<ExchangeTime>* exchanges = nullptr;  // with ranks: where MpiOptions::observe notes them
};

/// Trains for a few steps, from the loader's batches (LoaderOptions::held: 2), and measures them. Each op is
/// timed in the stream without waiting for it, and a step's batches follow each other, so that a GPU's work
/// and the host's overlap as they do in training; nothing is replayed from a recording. For profilers of a
/// device's vendor each op is a range. Two steps more come first, in which memory is touched and
/// implementations are readied.
StepProfile profile_steps(TrainingProgram& program, const Model& model, Loader& loader, const Stream& stream,
                          const StepProfileOptions& options);

/// A table of the parts of a step, and one of its ops or nodes, slowest first.
enum class ProfileRows { ops, nodes };
void write_profile(std::ostream& out, const StepProfile& profile, ProfileRows rows);

}  // namespace slipway
