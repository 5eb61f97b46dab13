#include "kernels/binary.h"

#include "kernels/cuda/divisor.cuh"
#include "kernels/cuda/element_functions.cuh"
#include "kernels/cuda/elementwise.cuh"

namespace slipway::cuda {
namespace {

template <class Body>
void visit_arithmetic(DType dtype, Body&& body) {
  if (dtype == DType::int32)
    body.template operator()<std::int32_t>();
  else if (dtype == DType::int64)
    body.template operator()<std::int64_t>();
  else
    visit_float(dtype, "binary", body);
}

/// Where a and b lie for an element of y: its axes with neighbours merged where both operands allow it,
/// innermost first.
struct Broadcast {
  explicit Broadcast(const BinaryArgs& args) {
    for (int i = args.shape.rank() - 1; i >= 0; --i) {
      const std::int64_t size = args.shape[i], a = args.a_strides[i], b = args.b_strides[i];
      if (size == 1) continue;
      if (rank > 0 && a == a_strides[rank - 1] * sizes[rank - 1] &&
          b == b_strides[rank - 1] * sizes[rank - 1]) {
        sizes[rank - 1] *= size;
      } else {
        sizes[rank] = size;
        a_strides[rank] = a;
        b_strides[rank++] = b;
      }
    }
    for (int i = 0; i < rank; ++i) divisors[i] = Divisor(std::max<std::int64_t>(1, sizes[i]));
  }
  /// Whether both operands are dense and of y's shape.
  bool is_plain() const { return rank == 0 || (rank == 1 && a_strides[0] == 1 && b_strides[0] == 1); }
  /// Whether `width` neighbours never cross a row, and move by 1 or repeat in both operands.
  bool has_packs(int width) const {
    if (sizes[0] % width != 0 || a_strides[0] > 1 || b_strides[0] > 1) return false;
    for (int i = 1; i < rank; ++i) {
      if (a_strides[0] == 1 && a_strides[i] % width != 0) return false;
      if (b_strides[0] == 1 && b_strides[i] % width != 0) return false;
    }
    return true;
  }
  __device__ void offsets(std::int64_t i, std::int64_t& a, std::int64_t& b) const {
    a = b = 0;
#pragma unroll
    for (int axis = 0; axis < kMaxRank; ++axis) {
      if (axis >= rank) break;
      const std::int64_t row = axis + 1 < rank ? divisors[axis].quotient(i) : 0;
      const std::int64_t index = divisors[axis].remainder(i, row);
      a += index * a_strides[axis];
      b += index * b_strides[axis];
      i = row;
    }
  }

  int rank = 0;
  std::int64_t sizes[kMaxRank] = {1};
  std::int64_t a_strides[kMaxRank] = {};
  std::int64_t b_strides[kMaxRank] = {};
  Divisor divisors[kMaxRank];
};

/// kWidth neighbours of an operand, or one that repeats.
template <int kWidth, class T>
__device__ Pack<T, kWidth> load_or_repeat(const T* from, bool repeats) {
  if (!repeats) return load_pack<kWidth>(from);
  Pack<T, kWidth> pack;
#pragma unroll
  for (int k = 0; k < kWidth; ++k) pack.values[k] = *from;
  return pack;
}

/// y = f(a, b), kWidth neighbours a thread.
template <int kWidth, class F, class T>
__global__ void __launch_bounds__(kBlockThreads)
    broadcast_elements(const Broadcast broadcast, const std::int64_t packs, const T* a, const T* b, T* y) {
  const std::int64_t step = grid_threads();
  for (std::int64_t i = grid_thread(); i < packs; i += step) {
    std::int64_t a_offset, b_offset;
    broadcast.offsets(i * kWidth, a_offset, b_offset);
    store_pack(y + i * kWidth,
               map_pack<T, kWidth>(F(), load_or_repeat<kWidth>(a + a_offset, broadcast.a_strides[0] == 0),
                                   load_or_repeat<kWidth>(b + b_offset, broadcast.b_strides[0] == 0)));
  }
}

template <class F, class T>
void apply(const Stream& stream, const BinaryArgs& args) {
  constexpr int kWidth = kPackSize<T>;
  const T *a = static_cast<const T*>(args.a), *b = static_cast<const T*>(args.b);
  T* y = static_cast<T*>(args.y);
  const std::int64_t count = args.shape.elements();
  const Broadcast broadcast(args);
  if (broadcast.is_plain()) return map(stream, count, F(), y, a, b);
  if (aligned_for_packs(kWidth, y) && (broadcast.a_strides[0] == 0 || aligned_for_packs(kWidth, a)) &&
      (broadcast.b_strides[0] == 0 || aligned_for_packs(kWidth, b)) && broadcast.has_packs(kWidth)) {
    launch(stream, elementwise_shape(stream, count / kWidth), broadcast_elements<kWidth, F, T>, broadcast,
           count / kWidth, a, b, y);
  } else {
    launch(stream, elementwise_shape(stream, count), broadcast_elements<1, F, T>, broadcast, count, a, b, y);
  }
}

void run(const Stream& stream, const BinaryArgs& args) {
  visit_arithmetic(args.dtype, [&]<class T>() {
    visit_function(args.function, [&]<class F>() { apply<F, T>(stream, args); });
  });
}

const KernelRegistrar<BinaryArgs> kBinary(binary, DeviceKind::cuda, run);

}  // namespace
}  // namespace slipway::cuda
