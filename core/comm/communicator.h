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
/// order, with values of the same types.
///
/// An exchange that was started takes its place in the order of its stream and goes on while the stream does
/// other work. Until wait() its values belong to it: nobody else may read or write them. Values are dense: an
/// all-reduce covers the padding of their layout, the other exchanges take row-major ones. `phase` says what
/// the values are to whoever reads an error: "the gradient".
///
/// Failures are CommunicationErrors; after one, nothing more can be done together.
class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  Shard shard() const { return {.rank = rank(), .ranks = size()}; }

  /// Every rank's values become the sum over ranks, with the same bits on all of them. float32, float64,
  /// bfloat16, int64.
  virtual void start_all_reduce(const Stream& stream, const TensorView& values, std::string_view phase) = 0;

  /// Values are [N], of size() equal slices: of the sum over ranks, each rank gets the slice of its number,
  /// in its place. What becomes of the others is left open. The same dtypes.
  virtual void start_reduce_scatter(const Stream& stream, const TensorView& values,
                                    std::string_view phase) = 0;

  struct Gather {
    TensorView part;  // of this rank; may lie where it belongs in `all`
    TensorView all;   // [size, as part], in the order of ranks; of the part's dtype
  };
  virtual void start_all_gather(const Stream& stream, const Gather& gather, std::string_view phase) = 0;

  /// What comes next in the stream finds the result of the exchange that was started with these values, those
  /// of a reduction or all of a gather. On the host it is there on return.
  virtual void wait(const Stream& stream, const TensorView& result) = 0;

  struct Broadcast {
    TensorView values;  // read on the root, written on the others
    int root = 0;
  };
  /// The root's values become every rank's.
  virtual void broadcast(const Stream& stream, const Broadcast& broadcast, std::string_view phase) = 0;

  /// Started, and waited for: sooner done where nobody computes meanwhile.
  virtual void all_reduce(const Stream& stream, const TensorView& values, std::string_view phase) {
    start_all_reduce(stream, values, phase);
    wait(stream, values);
  }
  void reduce_scatter(const Stream& stream, const TensorView& values, std::string_view phase) {
    start_reduce_scatter(stream, values, phase);
    wait(stream, values);
  }
  void all_gather(const Stream& stream, const Gather& gather, std::string_view phase) {
    start_all_gather(stream, gather, phase);
    wait(stream, gather.all);
  }

 protected:
  /// The elements of this rank's slice of values [N].
  std::int64_t slice_of(const TensorView& values) const {
    require(values.shape().rank() == 1 && values.shape()[0] % size() == 0, "reduce_scatter: expects [N] of ",
            size(), " equal slices, got ", values.type);
    return values.shape()[0] / size();
  }
};

}  // namespace slipway
