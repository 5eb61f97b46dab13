#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "core/tensor/tensor.h"

namespace slipway {

/// How far a run has come: what must be known to go on as if it had not stopped.
struct Progress {
  std::int64_t step = 0;         // optimizer steps done
  std::int64_t epoch = 0;        // the epoch that the next step belongs to, counted from 0
  std::int64_t next_sample = 0;  // how many samples of that epoch have been used
  std::uint64_t seed = 0;
  std::optional<double> best_metric;
  std::int64_t best_step = 0;                    // where it was reached, 0: nowhere yet
  std::map<std::string, std::int64_t> counters;  // such as epochs without improvement
  std::map<std::string, double> numbers;         // such as sums over the epoch so far
};

/// A model at one moment of its training. As a file it is HDF5 with a dataset a tensor, readable with h5py:
///
///     /parameters/conv2d_1.weight    what is learned
///     /state/batch_norm_1.mean       what else inference needs
///     /optimizer/...                 moments, averages, and whatever else training needs
///     /progress                      attributes, and those of /progress/counters and /progress/numbers
///     /texts/config                  the resolved configuration, and other texts
///
/// HDF5 leaves the first 512 bytes to others: there stands the format's version, the size of the file, and
/// the CRC-32 of all bytes behind them. It is checked before anything else is read.
struct Checkpoint {
  using Tensors = std::map<std::string, Tensor>;
  static constexpr int kVersion = 1;

  Tensors parameters;
  Tensors state;
  Tensors optimizer;
  Progress progress;
  std::string config;  // the resolved configuration as YAML
  std::map<std::string, std::string> texts;
};

/// Writes a file as one transaction: see AtomicFile. Names may not hold a slash.
void write_checkpoint(const std::string& path, const Checkpoint& checkpoint);
/// A file that is no checkpoint, of another version, cut short, or changed since it was written is a
/// UserError that names it.
Checkpoint read_checkpoint(const std::string& path);
/// The same for the bytes of a file; `name` stands for it in messages.
Checkpoint read_checkpoint(std::span<const std::byte> image, const std::string& name);

/// The 512 bytes in front of `contents`.
std::string checkpoint_header(std::span<const std::byte> contents);

}  // namespace slipway
