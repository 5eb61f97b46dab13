#pragma once

#include <string_view>

#include "core/base/error.h"
#include "core/comm/shard.h"
#include "core/tensor/tensor.h"

namespace slipway {

/// Ranks could not finish something together: one is gone, hangs, or asked for something else. The message
/// names the phase and the ranks that are missing.
class CommunicationError : public Error {
 public:
  using Error::Error;
};

/// The ranks that train one model together, as one of them sees them. All make the same calls in the same
/// order, with values of the same types; a call takes its place in the order of its stream, and on the host
/// returns when this rank's values are there. Values are dense: an all-reduce covers the padding of their
/// layout, the other calls take row-major ones. `phase` says what the values are to whoever reads an error:
/// "the gradient".
///
/// Failures are CommunicationErrors; after one, nothing more can be done together.
class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  Shard shard() const { return {.rank = rank(), .ranks = size()}; }

  /// Every rank's values become the sum over ranks, with the same bits on all of them. float32, float64,
  /// int64.
  virtual void all_reduce(const Stream& stream, const TensorView& values, std::string_view phase) = 0;

  struct Gather {
    TensorView part;  // of this rank
    TensorView all;   // [size, as part], in the order of ranks; of the part's dtype
  };
  virtual void all_gather(const Stream& stream, const Gather& gather, std::string_view phase) = 0;

  struct Broadcast {
    TensorView values;  // read on the root, written on the others
    int root = 0;
  };
  virtual void broadcast(const Stream& stream, const Broadcast& broadcast, std::string_view phase) = 0;
};

}  // namespace slipway
