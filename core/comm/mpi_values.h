#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/base/dtype.h"

namespace slipway {

/// Values side by side; with a sum, MPI can add them to others.
struct MpiValues {
  std::byte* data = nullptr;
  std::int64_t count = 0;
  std::size_t element_bytes = 0;
  MPI_Datatype type = MPI_DATATYPE_NULL;
  MPI_Op sum = MPI_OP_NULL;
};

/// What ranks do with values that are cut into a slice for each of them.
struct SliceExchange {
  bool reduces = false;  // the slice of a rank's number becomes the sum, on this rank
  bool gathers = false;  // then every slice becomes that of the rank of its number, on all of them
};

/// "MPI_ERR_TRUNCATE: message truncated"
std::string mpi_error_text(int code);

/// What MPI calls values of this dtype that it is to add; Error if it can't. bfloat16 needs add_bfloat16().
MPI_Datatype mpi_type(DType dtype);

/// An operation of MPI: other += own.
void add_bfloat16(void* own, void* other, int* count, MPI_Datatype* type);

/// MPI counts in int; whoever sends more than fits would have to send it in parts. Error if it does not fit.
int mpi_count(std::int64_t count);

}  // namespace slipway
