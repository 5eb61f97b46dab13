#include "kernels/reduce.h"

#include <array>
#include <limits>

#include "kernels/cpu/float_types.h"
#include "kernels/cpu/parallel.h"

namespace slipway::cpu {
namespace {

struct Sum {
  template <class T>
  static constexpr T initial = T(0);
  template <class T>
  static T combine(T a, T b) {
    return a + b;
  }
};
struct Maximum {
  template <class T>
  static constexpr T initial = -std::numeric_limits<T>::infinity();
  template <class T>
  static T combine(T a, T b) {
    return a > b || a != a ? a : b;
  }
};

constexpr std::int64_t kLanes = 32;     // independent partial results of a contiguous run
constexpr std::int64_t kColumns = 256;  // partial results of a block of columns

/// Lane i takes elements i, i + kLanes, ...; then the lanes are combined by halves.
template <class F, class T>
T reduce_run(const T* x, std::int64_t count) {
  if (count < kLanes) {
    T total = F::template initial<T>;
    for (std::int64_t i = 0; i < count; ++i) total = F::combine(total, x[i]);
    return total;
  }
  std::array<T, kLanes> lanes;
  lanes.fill(F::template initial<T>);
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
#pragma omp simd
    for (std::int64_t k = 0; k < kLanes; ++k) {
      T& lane = lanes[static_cast<std::size_t>(k)];
      lane = F::combine(lane, x[i + k]);
    }
  }
  for (std::int64_t k = 0; i + k < count; ++k) {
    T& lane = lanes[static_cast<std::size_t>(k)];
    lane = F::combine(lane, x[i + k]);
  }
  for (std::size_t half = kLanes / 2; half > 0; half /= 2) {
    for (std::size_t k = 0; k < half; ++k) lanes[k] = F::combine(lanes[k], lanes[k + half]);
  }
  return lanes[0];
}

/// Up to kColumns columns of `count` rows, row by row.
template <class F, class T>
void reduce_columns(const T* x, std::int64_t stride, std::int64_t count, T* y, std::int64_t columns,
                    T divisor) {
  std::array<T, kColumns> totals;
  totals.fill(F::template initial<T>);
  T* total = totals.data();
  for (std::int64_t row = 0; row < count; ++row, x += stride) {
#pragma omp simd
    for (std::int64_t k = 0; k < columns; ++k) total[k] = F::combine(total[k], x[k]);
  }
#pragma omp simd
  for (std::int64_t k = 0; k < columns; ++k) y[k] = total[k] / divisor;
}

template <class F, class T>
void reduce_all(const Stream& stream, const ReduceArgs& args) {
  const T* x = static_cast<const T*>(args.x);
  T* y = static_cast<T*>(args.y);
  const T divisor = static_cast<T>(args.divisor);
  const std::int64_t chunk = std::max<std::int64_t>(1, args.chunk), inner = args.inner, count = args.count;
  const std::int64_t chunks = std::max<std::int64_t>(1, (count + chunk - 1) / chunk);
  const std::int64_t blocks = (inner + kColumns - 1) / kColumns;
  const Stream used = limited(stream, args.outer * count * inner);
  parallel_each(used, args.outer * chunks * blocks, [=](std::int64_t item) {
    const std::int64_t first_column = item % blocks * kColumns, row = item / blocks;  // row of y
    const std::int64_t begin = row % chunks * chunk, rows = std::min(chunk, count - begin);
    const T* from = x + (row / chunks * count + begin) * inner + first_column;
    T* to = y + row * inner + first_column;
    if (inner == 1)
      *to = reduce_run<F>(from, rows) / divisor;
    else
      reduce_columns<F>(from, inner, rows, to, std::min(kColumns, inner - first_column), divisor);
  });
}

void run_reduce(const Stream& stream, const ReduceArgs& args) {
  require(args.x_dtype == args.y_dtype, "reduce: expects one dtype, got ", args.x_dtype, " and ",
          args.y_dtype);
  visit_float(args.x_dtype, "reduce", [&]<class T>() {
    if (args.function == ReduceKernel::sum)
      reduce_all<Sum, T>(stream, args);
    else
      reduce_all<Maximum, T>(stream, args);
  });
}

void run_arg_max(const Stream& stream, const ArgMaxArgs& args) {
  visit_float(args.dtype, "arg_max", [&]<class T>() {
    const T* x = static_cast<const T*>(args.x);
    const std::int64_t count = args.count, inner = args.inner;
    std::int64_t* y = args.y;
    parallel_each(limited(stream, args.outer * count * inner), args.outer * inner, [=](std::int64_t item) {
      const T* from = x + item / inner * count * inner + item % inner;
      std::int64_t best = 0;
      for (std::int64_t i = 1; i < count; ++i) {
        const T candidate = from[i * inner], value = from[best * inner];
        if (value == value && !(candidate <= value)) best = i;
      }
      y[item] = best;
    });
  });
}

const KernelRegistrar<ReduceArgs> kReduce(reduce, DeviceKind::cpu, run_reduce);
const KernelRegistrar<ArgMaxArgs> kArgMax(arg_max, DeviceKind::cpu, run_arg_max);

}  // namespace
}  // namespace slipway::cpu
