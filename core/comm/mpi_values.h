#pragma once

#include <mpi.h>

#include <cstdint>
#include <string>

#include "core/base/dtype.h"

namespace slipway {

/// "MPI_ERR_TRUNCATE: message truncated"
std::string mpi_error_text(int code);

/// What MPI calls values of this dtype that it is to add; Error if it can't. bfloat16 needs add_bfloat16().
MPI_Datatype mpi_type(DType dtype);

/// An operation of MPI: other += own.
void add_bfloat16(void* own, void* other, int* count, MPI_Datatype* type);

/// MPI counts in int; whoever sends more than fits would have to send it in parts. Error if it does not fit.
int mpi_count(std::int64_t count);

}  // namespace slipway
