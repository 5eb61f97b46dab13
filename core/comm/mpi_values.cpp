#include "core/comm/mpi_values.h"

#include <limits>

#include "core/base/error.h"
#include "core/base/half.h"

namespace slipway {

std::string mpi_error_text(int code) {
  char message[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(code, message, &length);
  return {message, static_cast<std::size_t>(length)};
}

MPI_Datatype mpi_type(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return MPI_FLOAT;
    case DType::float64:
      return MPI_DOUBLE;
    case DType::int64:
      return MPI_INT64_T;
    case DType::bfloat16:
      return MPI_UINT16_T;
    default:
      throw Error(text("all_reduce: expects float32, float64, bfloat16 or int64, got ", dtype));
  }
}

void add_bfloat16(void* own, void* other, int* count, MPI_Datatype*) {
  const auto* x = static_cast<const bfloat16*>(own);
  auto* sum = static_cast<bfloat16*>(other);
  const int n = *count;
#pragma omp simd
  for (int i = 0; i < n; ++i)
    sum[i].bits = bfloat16::from_float(static_cast<float>(sum[i]) + static_cast<float>(x[i]));
}

int mpi_count(std::int64_t count) {
  require(count <= std::numeric_limits<int>::max(), "MPI: ", count, " elements at once, at most ",
          std::numeric_limits<int>::max(), " are possible");
  return static_cast<int>(count);
}

}  // namespace slipway
