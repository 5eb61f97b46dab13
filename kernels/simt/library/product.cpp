#include "kernels/simt/library/product.h"

#include <algorithm>
#include <thread>
#include <type_traits>

#include "core/tensor/device.h"
#include "kernels/matrix_product.h"
#include "kernels/simt/settings.h"

namespace slipway::simt {

template <class T>
void multiply(const ProductSizes& sizes, const T* a, const T* b, T* y) {
  if (sizes.rows == 0 || sizes.columns == 0) return;
  if (sizes.inner == 0) {
    std::fill_n(y, sizes.rows * sizes.columns, T(0));
    return;
  }
  const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  const Stream stream{.threads = settings().threads > 0 ? settings().threads : cores};
  const auto kernel =
      matrix_product(stream, {.dtype = std::is_same_v<T, double> ? DType::float64 : DType::float32,
                              .rows = sizes.rows,
                              .inner = sizes.inner,
                              .columns = sizes.columns});
  const Buffer scratch(stream.device, kernel->scratch_bytes());
  kernel->run(stream, {.a = a, .b = b, .y = y, .scratch = scratch.data()});
}
template void multiply(const ProductSizes&, const float*, const float*, float*);
template void multiply(const ProductSizes&, const double*, const double*, double*);

}  // namespace slipway::simt
