#pragma once

#include <iosfwd>

#include "core/comm/communicator.h"

namespace slipway {

/// How fast this program's ranks exchange values of several sizes, beside a bare MPI_Allreduce of the same
/// values between the same processes, in turns for about `seconds`. Every rank calls it with its own
/// communicator, which is that of MPI; rank 0 writes a table in Markdown.
void bench_all_reduce(std::ostream& out, Communicator& ranks, double seconds);

}  // namespace slipway
