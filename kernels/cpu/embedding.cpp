#include "kernels/embedding.h"

#include <algorithm>
#include <limits>

#include "kernels/cpu/float_types.h"
#include "kernels/cpu/parallel.h"

namespace slipway::cpu {
namespace {

/// Calls body with a function that gives the i-th id as int64.
template <class Body>
void with_ids(DType dtype, const void* ids, const char* kernel, Body&& body) {
  if (dtype == DType::int64)
    body([ids](std::int64_t i) { return static_cast<const std::int64_t*>(ids)[i]; });
  else if (dtype == DType::int32)
    body([ids](std::int64_t i) { return std::int64_t{static_cast<const std::int32_t*>(ids)[i]}; });
  else
    throw Error(text(kernel, ": expects int32 or int64 ids, got ", dtype));
}

std::int64_t grain(std::int64_t width) {
  return std::max<std::int64_t>(1, kParallelGrain / std::max<std::int64_t>(1, width));
}

void forward(const Stream& stream, const EmbeddingArgs& args) {
  with_ids(args.ids_dtype, args.ids, "embedding_forward", [&](auto id_of) {
    visit_float(args.dtype, "embedding_forward", [&]<class T>() {
      const T* table = static_cast<const T*>(args.table);
      T* y = static_cast<T*>(args.y);
      parallel_for(stream, args.count, grain(args.width), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          const std::int64_t id = id_of(i);
          if (id >= 0 && id < args.rows)
            std::copy_n(table + id * args.width, args.width, y + i * args.width);
          else
            std::fill_n(y + i * args.width, args.width, std::numeric_limits<T>::quiet_NaN());
        }
      });
    });
  });
}

// Positions are sorted by id (counting sort), then every row sums its own: no two threads write one row.
void backward(const Stream& stream, const EmbeddingGradientArgs& args) {
  with_ids(args.ids_dtype, args.ids, "embedding_backward", [&](auto id_of) {
    std::int64_t* const ends = args.scratch;  // [rows + 1]
    std::int64_t* const order = ends + args.rows + 1;
    const auto counts = [&](std::int64_t id) { return id >= 0 && id < args.rows && id != args.padding; };
    std::fill_n(ends, args.rows + 1, std::int64_t{0});
    for (std::int64_t i = 0; i < args.count; ++i) {
      if (counts(id_of(i))) ++ends[id_of(i) + 1];
    }
    for (std::int64_t row = 0; row < args.rows; ++row) ends[row + 1] += ends[row];
    for (std::int64_t i = 0; i < args.count; ++i) {  // moves each row's start to its end
      if (counts(id_of(i))) order[ends[id_of(i)]++] = i;
    }
    visit_float(args.dtype, "embedding_backward", [&]<class T>() {
      const T* dy = static_cast<const T*>(args.dy);
      T* dtable = static_cast<T*>(args.dtable);
      parallel_for(stream, args.rows, grain(args.width), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
          T* sum = dtable + row * args.width;
          std::fill_n(sum, args.width, T(0));
          for (std::int64_t k = row > 0 ? ends[row - 1] : 0; k < ends[row]; ++k) {
            const T* part = dy + order[k] * args.width;
#pragma omp simd
            for (std::int64_t j = 0; j < args.width; ++j) sum[j] += part[j];
          }
        }
      });
    });
  });
}

const KernelRegistrar<EmbeddingArgs> kForward(embedding_forward, DeviceKind::cpu, forward);
const KernelRegistrar<EmbeddingGradientArgs> kBackward(embedding_backward, DeviceKind::cpu, backward);

}  // namespace
}  // namespace slipway::cpu
