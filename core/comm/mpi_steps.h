#pragma once

#include <mpi.h>

#include <vector>

namespace slipway {

/// An exchange in steps, each of a few messages at once, begun by whoever sees that those before are there.
class MpiSteps {
 public:
  virtual ~MpiSteps() = default;

  /// Begins the next step; the requests of the one before are done. No requests: that was the last.
  /// Returns MPI's code.
  virtual int next(std::vector<MPI_Request>& requests) = 0;
};

}  // namespace slipway
