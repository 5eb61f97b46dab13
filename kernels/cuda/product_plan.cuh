#pragma once

#include <algorithm>

#include "core/base/dtype.h"
#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/simt.cuh"

namespace slipway::cuda {

/// [batch] products of [m, k] by [k, n].
struct ProductSizes {
  std::int64_t batch = 1, m = 0, n = 0, k = 0;
};

/// What of a multiprocessor multiplies.
enum class ProductUnit : std::uint8_t { arithmetic, tensor_cores };

/// Tensor cores take 16 bits, and float32 if its mantissa may be rounded.
inline ProductUnit product_unit(DType dtype, MatrixPrecision precision) {
  const bool rounded = dtype == DType::float32 && precision == MatrixPrecision::tf32;
  return size_of(dtype) == 2 || rounded ? ProductUnit::tensor_cores : ProductUnit::arithmetic;
}

/// How a product is spread over blocks. It depends on sizes, type and precision only, so that the bits don't
/// depend on the device.
struct ProductPlan {
  ProductPlan(const ProductSizes& product, DType dtype, MatrixPrecision precision)
      : sizes(product), unit(product_unit(dtype, precision)), accumulator_bytes(accumulator_size(dtype)) {
    const bool wide = unit == ProductUnit::tensor_cores ||
                      (size_of(dtype) < 8 && std::min(sizes.m, sizes.n) >= kLargeEdge &&
                       tiles(kLargeEdge) * sizes.batch >= kEnoughBlocks);
    edge = wide ? kLargeEdge : kSmallEdge;
    const std::int64_t blocks = std::max<std::int64_t>(1, tiles(edge) * sizes.batch);
    const std::int64_t wanted =
        std::max<std::int64_t>(1, std::min(kEnoughBlocks / blocks, sizes.k / kLeastPart));
    k_part = (sizes.k + wanted - 1) / wanted;
    k_part = std::max(kPartMultiple, (k_part + kPartMultiple - 1) / kPartMultiple * kPartMultiple);
    parts = std::max<std::int64_t>(1, (sizes.k + k_part - 1) / k_part);
  }
  std::int64_t tiles(std::int64_t of) const { return ((sizes.m + of - 1) / of) * ((sizes.n + of - 1) / of); }
  std::int64_t count() const { return sizes.batch * sizes.m * sizes.n; }
  std::size_t scratch_bytes() const {
    return parts > 1 ? static_cast<std::size_t>(parts * count()) * accumulator_bytes : 0;
  }
  /// x a tile of y, y a part of k, z a product of the batch (each block takes every gridDim.z-th).
  dim3 grid() const {
    return dim3(static_cast<unsigned>(tiles(edge)), static_cast<unsigned>(parts),
                static_cast<unsigned>(std::min<std::int64_t>(sizes.batch, 65535)));
  }

  static constexpr std::int64_t kLargeEdge = 128, kSmallEdge = 64;

  ProductSizes sizes;
  ProductUnit unit;
  std::size_t accumulator_bytes;
  std::int64_t edge = kSmallEdge;  // of a block's tile of y
  std::int64_t parts = 1;          // of k, each summed by blocks of its own
  std::int64_t k_part = 0;

 private:
  static constexpr std::int64_t kEnoughBlocks = 256;  // keep every multiprocessor of today's devices busy
  static constexpr std::int64_t kLeastPart = 256;     // steps along k below which a part is not worth its sum
  static constexpr std::int64_t kPartMultiple = 32;   // the deepest tile
};

/// What blocks do with finished sums: hand them on, or, where k is split, leave them as [parts, batch, m, n].
template <class Result, class Accumulator>
struct PartResult {
  Result result;
  Accumulator* partial;  // null: k is not split
  ProductSizes sizes;

  __device__ void operator()(std::int64_t batch, std::int64_t m, std::int64_t n, Accumulator sum) const {
    if (partial) {
      partial[((blockIdx.y * sizes.batch + batch) * sizes.m + m) * sizes.n + n] = sum;
    } else {
      result(batch, m, n, sum);
    }
  }
};

/// result = the sum over the parts, in their order.
template <class Result, class Accumulator>
__global__ void sum_parts(const PartResult<Result, Accumulator> to, const std::int64_t parts) {
  const ProductSizes& sizes = to.sizes;
  const std::int64_t count = sizes.batch * sizes.m * sizes.n, step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) {
    Accumulator sum = 0;
    for (std::int64_t part = 0; part < parts; ++part) sum += to.partial[part * count + i];
    to.result(i / (sizes.m * sizes.n), i / sizes.n % sizes.m, i % sizes.n, sum);
  }
}

}  // namespace slipway::cuda
