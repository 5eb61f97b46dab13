#include "kernels/preprocess.h"

#include <limits>

#include "kernels/cuda/divisor.cuh"
#include "kernels/cuda/elements.cuh"

namespace slipway::cuda {
namespace {

// The arrays of one value a channel, or a column, lie on the host: they travel as parameters, so many a
// launch.
constexpr int kMostChannels = 128;

// y = (x is NaN and fill given ? fill : x) scale + shift
template <class A>
struct ChannelBatch {
  std::int64_t first, count;  // channels
  std::int64_t channels, inner;
  Divisor by_inner, by_count;  // by_inner in packs
  A scale[kMostChannels], shift[kMostChannels], fill[kMostChannels];
};

template <int kWidth, class From, class To>
__global__ void __launch_bounds__(kBlockThreads)
    affine_channels(const ChannelBatch<AccumulatorOf<To>> batch, const std::int64_t packs, const From* x,
                    To* y) {
  using A = AccumulatorOf<To>;
  for (std::int64_t i = grid_thread(); i < packs; i += grid_threads()) {
    const std::int64_t plane = batch.by_inner.quotient(i), outer = batch.by_count.quotient(plane);
    const int c = static_cast<int>(batch.by_count.remainder(plane, outer));
    const std::int64_t start = (outer * batch.channels + batch.first + c) * batch.inner;
    const std::int64_t at = start + batch.by_inner.remainder(i, plane) * kWidth;
    const Pack<From, kWidth> from = load_pack<kWidth>(x + at);
    Pack<To, kWidth> pack;
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      const A value = static_cast<A>(to_accumulator(from.values[k]));
      pack.values[k] =
          from_accumulator<To>((value != value ? batch.fill[c] : value) * batch.scale[c] + batch.shift[c]);
    }
    store_pack(y + at, pack);
  }
}

template <class From, class To>
void affine_typed(const Stream& stream, const ChannelAffineArgs& args) {
  using A = AccumulatorOf<To>;
  constexpr int kWidth = static_cast<int>(16 / std::max(sizeof(From), sizeof(To)));
  if (args.outer == 0 || args.inner == 0) return;
  const From* x = static_cast<const From*>(args.x);
  To* y = static_cast<To*>(args.y);
  const bool packs = args.inner % kWidth == 0 && aligned_for_packs(kWidth, x) && aligned_for_packs(kWidth, y);
  const std::int64_t row_packs = args.inner / (packs ? kWidth : 1);
  for (std::int64_t first = 0; first < args.channels; first += kMostChannels) {
    const std::int64_t count = std::min<std::int64_t>(kMostChannels, args.channels - first);
    ChannelBatch<A> batch{.first = first,
                          .count = count,
                          .channels = args.channels,
                          .inner = args.inner,
                          .by_inner = Divisor(row_packs),
                          .by_count = Divisor(count)};
    for (std::int64_t c = 0; c < count; ++c) {
      batch.scale[c] = static_cast<A>(args.scale[first + c]);
      batch.shift[c] = static_cast<A>(args.shift[first + c]);
      batch.fill[c] = args.fill ? static_cast<A>(args.fill[first + c]) : std::numeric_limits<A>::quiet_NaN();
    }
    const std::int64_t all = args.outer * count * row_packs;
    launch(stream, elementwise_shape(stream, all),
           packs ? affine_channels<kWidth, From, To> : affine_channels<1, From, To>, batch, all, x, y);
  }
}

void channel_affine(const Stream& stream, const ChannelAffineArgs& args) {
  visit_float(args.to, "channel_affine", [&]<class To>() {
    visit_element(args.from, [&]<class From>() { affine_typed<From, To>(stream, args); });
  });
}

struct ColumnBatch {
  std::int64_t first, count;           // columns of x
  std::int64_t columns, result;        // of x, of y
  Divisor by_width;                    // results of this batch
  std::int64_t width;                  // the same
  std::int64_t begins[kMostChannels];  // of the results of each column in a row of y
  bool kept[kMostChannels];

  /// The last column that begins at or before this result.
  __device__ int find(std::int64_t result_column) const {
    int low = 0, high = static_cast<int>(count) - 1;
    while (low < high) {
      const int middle = (low + high + 1) / 2;
      if (begins[middle] <= result_column)
        low = middle;
      else
        high = middle - 1;
    }
    return low;
  }
};

/// A thread a result.
template <class T>
__global__ void __launch_bounds__(kBlockThreads)
    expand_columns(const ColumnBatch batch, const std::int64_t results, const T* x, T* y) {
  using A = AccumulatorOf<T>;
  for (std::int64_t i = grid_thread(); i < results; i += grid_threads()) {
    const std::int64_t row = batch.by_width.quotient(i);
    const std::int64_t column = batch.begins[0] + batch.by_width.remainder(i, row);
    const int c = batch.find(column);
    const T value = x[row * batch.columns + batch.first + c];
    const bool hit = to_accumulator(value) == static_cast<A>(column - batch.begins[c]);
    y[row * batch.result + column] = batch.kept[c] ? value : from_accumulator<T>(hit ? A(1) : A(0));
  }
}

void one_hot_columns(const Stream& stream, const OneHotColumnsArgs& args) {
  visit_float(args.dtype, "one_hot_columns", [&]<class T>() {
    std::int64_t begin = 0;
    for (std::int64_t first = 0; first < args.columns; first += kMostChannels) {
      ColumnBatch batch{.first = first,
                        .count = std::min<std::int64_t>(kMostChannels, args.columns - first),
                        .columns = args.columns,
                        .result = args.result};
      for (std::int64_t c = 0; c < batch.count; ++c) {
        const std::int64_t size = args.sizes[first + c];
        batch.begins[c] = begin;
        batch.kept[c] = size == 0;
        begin += std::max<std::int64_t>(1, size);
      }
      batch.width = begin - batch.begins[0];
      batch.by_width = Divisor(batch.width);
      const std::int64_t results = args.rows * batch.width;
      launch(stream, elementwise_shape(stream, results), expand_columns<T>, batch, results,
             static_cast<const T*>(args.x), static_cast<T*>(args.y));
    }
  });
}

const KernelRegistrar<ChannelAffineArgs> kAffine(channel_affine_kernel, DeviceKind::cuda, channel_affine);
const KernelRegistrar<OneHotColumnsArgs> kOneHot(one_hot_columns_kernel, DeviceKind::cuda, one_hot_columns);

}  // namespace
}  // namespace slipway::cuda
