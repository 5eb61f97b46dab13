#include "kernels/reduce.h"

#include <array>
#include <cmath>
#include <limits>

#include "kernels/cpu/float_types.h"
#include "kernels/cpu/math.h"
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

struct Itself {
  template <class T>
  T operator()(T x, std::int64_t) const {
    return x;
  }
};

/// The values of map(element, column). Lane i takes elements i, i + kLanes, ...; then the lanes are combined
/// by halves.
template <class F, class T, class Map = Itself>
T reduce_run(const T* x, std::int64_t count, Map map = {}) {
  if (count < kLanes) {
    T total = F::template initial<T>;
    for (std::int64_t i = 0; i < count; ++i) total = F::combine(total, map(x[i], 0));
    return total;
  }
  std::array<T, kLanes> lanes;
  lanes.fill(F::template initial<T>);
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
#pragma omp simd
    for (std::int64_t k = 0; k < kLanes; ++k) {
      T& lane = lanes[static_cast<std::size_t>(k)];
      lane = F::combine(lane, map(x[i + k], 0));
    }
  }
  for (std::int64_t k = 0; i + k < count; ++k) {
    T& lane = lanes[static_cast<std::size_t>(k)];
    lane = F::combine(lane, map(x[i + k], 0));
  }
  for (std::size_t half = kLanes / 2; half > 0; half /= 2) {
    for (std::size_t k = 0; k < half; ++k) lanes[k] = F::combine(lanes[k], lanes[k + half]);
  }
  return lanes[0];
}

/// Up to kColumns columns of rows that lie `stride` apart.
template <class T>
struct Block {
  const T* x;
  std::int64_t stride, rows, columns;
};
template <class T>
using Totals = std::array<T, kColumns>;

/// Row by row.
template <class F, class T, class Map = Itself>
Totals<T> reduce_columns(const Block<T>& block, Map map = {}) {
  Totals<T> totals;
  totals.fill(F::template initial<T>);
  T* total = totals.data();
  const T* x = block.x;
  for (std::int64_t row = 0; row < block.rows; ++row, x += block.stride) {
#pragma omp simd
    for (std::int64_t k = 0; k < block.columns; ++k) total[k] = F::combine(total[k], map(x[k], k));
  }
  return totals;
}

/// What a chunk is combined by: elements by F, then divided.
template <class F, class T>
struct Combined {
  T divisor;

  T run(const T* x, std::int64_t count) const { return reduce_run<F>(x, count) / divisor; }
  void columns(const Block<T>& block, T* y) const {
    const Totals<T> totals = reduce_columns<F>(block);
    const T* total = totals.data();
#pragma omp simd
    for (std::int64_t k = 0; k < block.columns; ++k) y[k] = total[k] / divisor;
  }
};

/// log Σ e^x = m + log Σ e^(x - m), m the greatest x; 0 in its place if that is not finite, which gives what
/// limits say.
template <class T>
struct LogSumExp {
  static T shift(T greatest) { return std::isfinite(greatest) ? greatest : T(0); }

  T run(const T* x, std::int64_t count) const {
    const T m = shift(reduce_run<Maximum>(x, count));
    return m + log(reduce_run<Sum>(x, count, [m](T value, std::int64_t) { return exp(value - m); }));
  }
  void columns(const Block<T>& block, T* y) const {
    Totals<T> shifts = reduce_columns<Maximum>(block);
    for (T& m : shifts) m = shift(m);
    const T* m = shifts.data();
    const Totals<T> totals =
        reduce_columns<Sum>(block, [m](T value, std::int64_t k) { return exp(value - m[k]); });
    const T* total = totals.data();
#pragma omp simd
    for (std::int64_t k = 0; k < block.columns; ++k) y[k] = m[k] + log(total[k]);
  }
};

template <class T, class Chunk>
void reduce_all(const Stream& stream, const ReduceArgs& args, Chunk combine) {
  const T* x = static_cast<const T*>(args.x);
  T* y = static_cast<T*>(args.y);
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
      *to = combine.run(from, rows);
    else
      combine.columns({from, inner, rows, std::min(kColumns, inner - first_column)}, to);
  });
}

void run_reduce(const Stream& stream, const ReduceArgs& args) {
  require(args.x_dtype == args.y_dtype, "reduce: expects one dtype, got ", args.x_dtype, " and ",
          args.y_dtype);
  visit_float(args.x_dtype, "reduce", [&]<class T>() {
    const T divisor = static_cast<T>(args.divisor);
    if (args.function == ReduceKernel::sum)
      reduce_all<T>(stream, args, Combined<Sum, T>{divisor});
    else if (args.function == ReduceKernel::maximum)
      reduce_all<T>(stream, args, Combined<Maximum, T>{divisor});
    else
      reduce_all<T>(stream, args, LogSumExp<T>());
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
