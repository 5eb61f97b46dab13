#include "kernels/layer_norm.h"

#include "kernels/cuda/math.cuh"
#include "kernels/cuda/rows.cuh"

namespace slipway::cuda {
namespace {

/// Elements of an access: so many that their scales, which may be wider, are one access, too. Neighbours then
/// read scales side by side.
template <class T>
constexpr int kAccess = kPackSize<AccumulatorOf<T>>;

template <int kWidth, class E>
__device__ Pack<E, kWidth> load_or_fill(const E* from, std::int64_t column, E missing) {
  if (from) return load_pack<kWidth>(from + column);
  Pack<E, kWidth> pack;
#pragma unroll
  for (int k = 0; k < kWidth; ++k) pack.values[k] = missing;
  return pack;
}

// y = (x - mean) rstd scale + shift, of x + residual if there is one
template <class T>
struct Forward {
  using A = AccumulatorOf<T>;
  const T* x;
  const A* scale;  // or null
  const A* shift;  // or null
  T* y;
  A* mean;
  A* rstd;
  A epsilon;
  const T* residual;  // or null
  T* sum;             // or null
};

/// A row that is normalised: of x, or of x + residual, rounded as if it came from memory.
template <class T, int kWidth, int kPacks>
class SummedRow {
 public:
  __device__ SummedRow(const Forward<T>& args, std::int64_t start, std::int64_t width)
      : args_(args), start_(start) {
    if (kPacks == 0 && !args.sum) return;
    for_each_pack<kWidth, kPacks>(width, [&](int p, std::int64_t column) {
      const Pack<T, kWidth> pack = load(column);
      if (args.sum) store_pack(args.sum + start + column, pack);
      if constexpr (kPacks > 0) packs_[p] = pack;
    });
  }
  __device__ Pack<T, kWidth> pack(int p, std::int64_t column) const {
    if constexpr (kPacks > 0)
      return packs_[p];
    else
      return args_.sum ? load_pack<kWidth>(args_.sum + start_ + column) : load(column);
  }

 private:
  __device__ Pack<T, kWidth> load(std::int64_t column) const {
    Pack<T, kWidth> pack = load_pack<kWidth>(args_.x + start_ + column);
    if (!args_.residual) return pack;
    const Pack<T, kWidth> residual = load_pack<kWidth>(args_.residual + start_ + column);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      pack.values[k] =
          from_accumulator<T>(to_accumulator(pack.values[k]) + to_accumulator(residual.values[k]));
    }
    return pack;
  }

  const Forward<T>& args_;
  std::int64_t start_;
  Pack<T, kWidth> packs_[kPacks > 0 ? kPacks : 1];
};

// Left to itself, ptxas spills registers to fit one block more.
template <class T>
constexpr int kBlocksAtOnce = sizeof(T) == 8 ? 1 : 2;

template <class T, int kWidth, int kPacks>
__global__ void __launch_bounds__(kMostTeamThreads, kBlocksAtOnce<T>)
    normalize_rows(const RowLoop loop, const Forward<T> args) {
  using A = AccumulatorOf<T>;
  __shared__ Moments<A> shared[kMostWarps];
  loop.for_each([&](std::int64_t index, std::int64_t width) {
    const SummedRow<T, kWidth, kPacks> row(args, index * loop.width, width);
    Moments<A> moments{};
    for_each_pack<kWidth, kPacks>(width, [&](int p, std::int64_t column) {
      moments = MergeMoments()(moments, moments_of(row.pack(p, column)));
    });
    moments = team_reduce(moments, MergeMoments(), shared);
    const A mean = moments.mean, rstd = A(1) / square_root(moments.squares / A(loop.width) + args.epsilon);
    if (index < loop.rows && threadIdx.x == 0) {
      args.mean[index] = mean;
      args.rstd[index] = rstd;
    }
    for_each_pack<kWidth, kPacks>(width, [&](int p, std::int64_t column) {
      Pack<T, kWidth> pack = row.pack(p, column);
      const Pack<A, kWidth> scale = load_or_fill<kWidth>(args.scale, column, A(1));
      const Pack<A, kWidth> shift = load_or_fill<kWidth>(args.shift, column, A(0));
#pragma unroll
      for (int k = 0; k < kWidth; ++k) {
        const A normal = (to_accumulator(pack.values[k]) - mean) * rstd;
        pack.values[k] = from_accumulator<T>(normal * scale.values[k] + shift.values[k]);
      }
      store_pack(args.y + index * loop.width + column, pack);
    });
  });
}

// With g = dy scale and n = (x - mean) rstd:
//   dx = rstd (g - mean(g) - n mean(g n)) + dx_too;  dscale = Σ_rows dy n;  dshift = Σ_rows dy
template <class T>
struct Backward {
  using A = AccumulatorOf<T>;
  const T* dy;
  const T* x;
  const A* mean;
  const A* rstd;
  const A* scale;   // or null
  const T* dx_too;  // or null
  T* dx;
  A* partial;  // [chunks, 2, width]
  std::int64_t chunk_rows;
};

/// What a thread adds to dscale and dshift of its columns: in registers, or in memory where rows are not
/// kept.
template <class A, int kWidth, int kPacks>
class ColumnSums {
 public:
  __device__ ColumnSums(A* partial, std::int64_t width)
      : scale_(partial), shift_(partial + width), width_(width) {
    if constexpr (kPacks == 0) {
      for_each_pack<kWidth, 0>(width, [&](int, std::int64_t column) {
        for (int k = 0; k < kWidth; ++k) scale_[column + k] = shift_[column + k] = A(0);
      });
    }
  }
  __device__ void add(int p, std::int64_t column, int k, A scale, A shift) {
    if constexpr (kPacks == 0) {
      scale_[column + k] += scale;
      shift_[column + k] += shift;
    } else {
      scales_[p * kWidth + k] += scale;
      shifts_[p * kWidth + k] += shift;
    }
  }
  /// Adds up the teams of the block in their order; `shared` holds a pack for each thread.
  __device__ void finish(Pack<A, kWidth>* shared) const {
    if constexpr (kPacks > 0) {
#pragma unroll
      for (int p = 0; p < kPacks; ++p) {
        const std::int64_t column = (std::int64_t{p} * blockDim.x + threadIdx.x) * kWidth;
        store(sum_teams(scales_ + p * kWidth, shared), scale_, column);
        store(sum_teams(shifts_ + p * kWidth, shared), shift_, column);
      }
    }
  }

 private:
  /// For the first team.
  __device__ static Pack<A, kWidth> sum_teams(const A* sums, Pack<A, kWidth>* shared) {
    Pack<A, kWidth> sum;
#pragma unroll
    for (int k = 0; k < kWidth; ++k) sum.values[k] = sums[k];
    if (blockDim.y == 1) return sum;
    shared[threadIdx.y * blockDim.x + threadIdx.x] = sum;
    __syncthreads();
    for (unsigned team = 1; threadIdx.y == 0 && team < blockDim.y; ++team) {
      const Pack<A, kWidth> other = shared[team * blockDim.x + threadIdx.x];
#pragma unroll
      for (int k = 0; k < kWidth; ++k) sum.values[k] += other.values[k];
    }
    __syncthreads();
    return sum;
  }
  __device__ void store(const Pack<A, kWidth>& sum, A* to, std::int64_t column) const {
    if (threadIdx.y == 0 && column < width_) store_pack(to + column, sum);
  }

  A *scale_, *shift_;
  std::int64_t width_;
  A scales_[kPacks > 0 ? kPacks* kWidth : 1] = {};
  A shifts_[kPacks > 0 ? kPacks* kWidth : 1] = {};
};

/// One block a chunk of rows. Rows that are not kept have one team.
template <class T, int kWidth, int kPacks>
__global__ void __launch_bounds__(kMostTeamThreads)
    backward_rows(const RowLoop loop, const Backward<T> args) {
  using A = AccumulatorOf<T>;
  __shared__ SumPair<A> shared[kMostWarps];
  __shared__ Pack<A, kWidth> of_teams[kPacks > 0 ? kMostTeamThreads : 1];
  ColumnSums<A, kWidth, kPacks> columns(args.partial + blockIdx.x * 2 * loop.width, loop.width);
  const std::int64_t first = blockIdx.x * args.chunk_rows;
  const std::int64_t end =
      min(static_cast<long long>(loop.rows), static_cast<long long>(first + args.chunk_rows));
  for (std::int64_t base = first; base < end; base += blockDim.y) {
    const std::int64_t index = base + threadIdx.y, width = index < end ? loop.width : 0;
    const A mean = width > 0 ? args.mean[index] : A(0), rstd = width > 0 ? args.rstd[index] : A(0);
    const Row<T, kWidth, kPacks> dy_row(args.dy + index * loop.width, width),
        x_row(args.x + index * loop.width, width);
    SumPair<A> sums{};  // of g, and of g n
    for_each_pack<kWidth, kPacks>(width, [&](int p, std::int64_t column) {
      const Pack<T, kWidth> dy = dy_row.pack(p, column), x = x_row.pack(p, column);
      const Pack<A, kWidth> scale = load_or_fill<kWidth>(args.scale, column, A(1));
#pragma unroll
      for (int k = 0; k < kWidth; ++k) {
        const A d = to_accumulator(dy.values[k]), normal = (to_accumulator(x.values[k]) - mean) * rstd;
        const A g = d * scale.values[k];
        sums = sums + SumPair<A>{g, g * normal};
        columns.add(p, column, k, d * normal, d);
      }
    });
    sums = team_reduce(sums, Add(), shared);
    const A mean_sum = sums.first / A(loop.width), mean_product = sums.second / A(loop.width);
    for_each_pack<kWidth, kPacks>(width, [&](int p, std::int64_t column) {
      Pack<T, kWidth> pack = dy_row.pack(p, column);
      const Pack<T, kWidth> x = x_row.pack(p, column);
      const Pack<A, kWidth> scale = load_or_fill<kWidth>(args.scale, column, A(1));
      const Pack<T, kWidth> too =
          load_or_fill<kWidth>(args.dx_too, index * loop.width + column, from_accumulator<T>(0));
#pragma unroll
      for (int k = 0; k < kWidth; ++k) {
        const A normal = (to_accumulator(x.values[k]) - mean) * rstd;
        const A g = to_accumulator(pack.values[k]) * scale.values[k];
        pack.values[k] = from_accumulator<T>(rstd * (g - mean_sum - normal * mean_product) +
                                             to_accumulator(too.values[k]));
      }
      store_pack(args.dx + index * loop.width + column, pack);
    });
  }
  columns.finish(of_teams);
}

/// dscale and dshift: the sums of the chunks, in their order.
template <class A>
__global__ void __launch_bounds__(kBlockThreads)
    sum_chunks(const A* partial, const std::int64_t chunks, const std::int64_t width, A* dscale, A* dshift) {
  for (std::int64_t i = grid_thread(); i < 2 * width; i += grid_threads()) {
    A sum = 0;
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) sum += partial[chunk * 2 * width + i];
    (i < width ? dscale[i] : dshift[i - width]) = sum;
  }
}

void forward(const Stream& stream, const LayerNormArgs& args) {
  visit_float(args.dtype, "layer_norm_forward", [&]<class T>() {
    using A = AccumulatorOf<T>;
    const Forward<T> rows{.x = static_cast<const T*>(args.x),
                          .scale = static_cast<const A*>(args.scale),
                          .shift = static_cast<const A*>(args.shift),
                          .y = static_cast<T*>(args.y),
                          .mean = static_cast<A*>(args.mean),
                          .rstd = static_cast<A*>(args.rstd),
                          .epsilon = static_cast<A>(args.epsilon),
                          .residual = static_cast<const T*>(args.residual),
                          .sum = static_cast<T*>(args.sum)};
    const RowLoop loop{args.rows, args.width};
    const bool aligned =
        aligned_for_packs(kAccess<T>, rows.x, rows.scale, rows.shift, rows.y, rows.residual, rows.sum);
    constexpr int kPacksOfRow =
        sizeof(T) == 2 ? 2 : 4;  // besides them a thread has the scales and shifts of each
    visit_rows<T, kPacksOfRow, kAccess<T>>(loop, aligned, [&]<int kWidth, int kPacks>(const RowTeams& teams) {
      launch(stream, teams.shape(), normalize_rows<T, kWidth, kPacks>, loop, rows);
    });
  });
}

void backward(const Stream& stream, const LayerNormGradientArgs& args) {
  visit_float(args.dtype, "layer_norm_backward", [&]<class T>() {
    using A = AccumulatorOf<T>;
    const std::int64_t chunks = LayerNormGradientArgs::chunks(args.rows);
    const Backward<T> rows{.dy = static_cast<const T*>(args.dy),
                           .x = static_cast<const T*>(args.x),
                           .mean = static_cast<const A*>(args.mean),
                           .rstd = static_cast<const A*>(args.rstd),
                           .scale = static_cast<const A*>(args.scale),
                           .dx_too = static_cast<const T*>(args.dx_too),
                           .dx = static_cast<T*>(args.dx),
                           .partial = static_cast<A*>(args.partial),
                           .chunk_rows = (args.rows + chunks - 1) / chunks};
    const RowLoop loop{args.rows, args.width};
    const bool aligned =
        aligned_for_packs(kAccess<T>, rows.dy, rows.x, rows.scale, rows.dx_too, rows.dx, rows.partial);
    constexpr int kPacksOfRow =
        sizeof(T) == 8 ? 1 : 2;  // besides them a thread keeps the sums of its columns
    visit_rows<T, kPacksOfRow, kAccess<T>>(loop, aligned, [&]<int kWidth, int kPacks>(RowTeams teams) {
      if (kPacks == 0) teams.teams = 1;
      launch(stream, teams.shape(chunks), backward_rows<T, kWidth, kPacks>, loop, rows);
      launch(stream, elementwise_shape(stream, 2 * args.width), sum_chunks<A>,
             static_cast<const A*>(rows.partial), chunks, args.width, static_cast<A*>(args.dscale),
             static_cast<A*>(args.dshift));
    });
  });
}

const KernelRegistrar<LayerNormArgs> kForward(layer_norm_forward, DeviceKind::cuda, forward);
const KernelRegistrar<LayerNormGradientArgs> kBackward(layer_norm_backward, DeviceKind::cuda, backward);

}  // namespace
}  // namespace slipway::cuda
