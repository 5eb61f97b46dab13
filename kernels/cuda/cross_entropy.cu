#include "kernels/cross_entropy.h"

#include "kernels/cuda/divisor.cuh"
#include "kernels/cuda/held_row.cuh"
#include "kernels/cuda/online_softmax.cuh"

namespace slipway::cuda {
namespace {

// With H = (1 - s) w_y, S = s / C, p = softmax(x), for one position:
//   loss = (H + S Σ w) log Σ e^x - H x_y - S Σ w_c x_c;   dx_c = ((H + S Σ w) p_c - S w_c - [c = y] H) / Σ_n
//   w_y
template <class T>
struct CrossEntropy {
  using A = AccumulatorOf<T>;

  const T* x;
  const std::int64_t* labels;
  const T* weights;  // or null
  T* dx;             // or null
  std::int64_t classes, ignored_label;
  A on_label, on_class;         // 1 - s, s / C
  const double* label_weights;  // [parts]: sums of w_y
  int parts;

  __device__ bool in_range(std::int64_t label) const { return label >= 0 && label < classes; }
  __device__ A weight(std::int64_t c) const { return weights ? to_accumulator(weights[c]) : A(1); }
  __device__ A not_a_number() const { return static_cast<A>(nanf("")); }
  /// Of one label in Σ_n w_y.
  __device__ double label_weight(std::int64_t label) const {
    if (label == ignored_label) return 0;
    return static_cast<double>(in_range(label) ? weight(label) : not_a_number());
  }
};

/// What is the same for all positions.
template <class A>
struct Totals {
  A scale;          // 1 / Σ_n w_y
  A class_weights;  // Σ_c w_c
};

/// The two sums that every block needs, each over whole blocks of threads in x.
template <class T, class A>
__device__ Totals<A> totals(const CrossEntropy<T>& problem, double* shared) {
  double weight = 0, classes = 0;
  for (int i = static_cast<int>(threadIdx.x); i < problem.parts; i += blockDim.x)
    weight += problem.label_weights[i];
  weight = team_reduce(weight, Add(), shared);
  if (problem.weights) {
    for (std::int64_t c = threadIdx.x; c < problem.classes; c += blockDim.x) {
      classes += static_cast<double>(problem.weight(c));
    }
    classes = team_reduce(classes, Add(), shared);
  } else {
    classes = static_cast<double>(problem.classes);
  }
  return {static_cast<A>(1 / weight), static_cast<A>(classes)};
}

/// The coefficients of one position.
template <class T>
struct Position {
  using A = AccumulatorOf<T>;

  __device__ Position(const CrossEntropy<T>& problem, const Totals<A>& all, std::int64_t label)
      : label(label), ignored(label == problem.ignored_label) {
    hit = problem.in_range(label) ? problem.on_label * problem.weight(label) : problem.not_a_number();
    total = hit + problem.on_class * all.class_weights;
    scale = all.scale;
  }
  /// Of the class that lies `from_label` behind the label.
  __device__ A gradient(std::int64_t from_label, A x, const OnlineSoftmax<A>& state, A class_share) const {
    if (ignored) return A(0);  // also where x is not finite
    const A factor = total * scale / state.sum;
    const A value = exponential(x - state.top) * factor - class_share * scale;
    return from_label == 0 ? value - hit * scale : value;
  }
  /// `smooth` is Σ w_c (x_c - top).
  __device__ double loss(const OnlineSoftmax<A>& state, A at_label, A smooth, A on_class) const {
    if (ignored) return 0;
    const A value = total * logarithm(state.sum) - hit * (at_label - state.top);
    return static_cast<double>(on_class > A(0) ? value - on_class * smooth : value);
  }

  std::int64_t label;
  bool ignored;
  A hit, total, scale;
};

template <class T>
__global__ void __launch_bounds__(kBlockThreads)
    sum_label_weights(const CrossEntropy<T> problem, const std::int64_t positions, double* partial) {
  __shared__ double shared[kMostWarps];
  double sum = 0;
  for (std::int64_t i = grid_thread(); i < positions; i += grid_threads()) {
    sum += problem.label_weight(problem.labels[i]);
  }
  sum = block_sum(sum, shared);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

/// Classes side by side: a team a position. Each block leaves the sum of its losses in partial[blockIdx.x].
// Left to itself, ptxas spills registers to fit more blocks: so many are enough.
template <class T, int kWidth, int kPacks>
__global__ void __launch_bounds__(kMostHoldingThreads<T, kPacks>, 1)
    position_rows(const CrossEntropy<T> problem, const RowLoop loop, const int shared_packs,
                  double* partial) {
  using A = AccumulatorOf<T>;
  __shared__ OnlineSoftmax<A> shared_states[kMostWarps];
  __shared__ A shared_sums[kMostWarps];
  __shared__ double shared_doubles[kMostWarps];
  const Totals<A> all = totals<T, A>(problem, shared_doubles);
  const bool smooths = problem.on_class > A(0);
  double loss = 0;
  loop.for_each([&](std::int64_t index, std::int64_t width) {
    const std::int64_t label = width > 0 ? problem.labels[index] : problem.ignored_label;
    const Position<T> position(problem, all, label);
    const HeldRow<T, kWidth, kPacks> row(problem.x + index * loop.width, width, {shared_packs});
    OnlineSoftmax<A> state = OnlineSoftmax<A>::empty();
    A at_label = 0, smooth = 0;
    row.visit([&](auto place, std::int64_t column) {
      const Pack<T, kWidth> pack = row.pack(place, column);
      const std::int64_t from_label = column - label;
      state.add(pack);
#pragma unroll
      for (int k = 0; k < kWidth; ++k) {
        if (from_label + k == 0) at_label = to_accumulator(pack.values[k]);
      }
    });
    state = team_reduce(state, MergeSoftmax(), shared_states);
    at_label = team_reduce(at_label, Add(), shared_sums);
    if (problem.dx || smooths) {
      row.visit([&](auto place, std::int64_t column) {
        Pack<T, kWidth> pack = row.pack(place, column);
        const std::int64_t from_label = column - label;
#pragma unroll
        for (int k = 0; k < kWidth; ++k) {
          const A x = to_accumulator(pack.values[k]), weight = smooths ? problem.weight(column + k) : A(0);
          smooth += weight * (x - state.top);
          pack.values[k] =
              from_accumulator<T>(position.gradient(from_label + k, x, state, problem.on_class * weight));
        }
        if (problem.dx) store_pack(problem.dx + index * loop.width + column, pack);
      });
    }
    if (smooths) smooth = team_reduce(smooth, Add(), shared_sums);
    if (threadIdx.x == 0) loss += position.loss(state, at_label, smooth, problem.on_class);
  });
  if (threadIdx.x == 0) shared_doubles[threadIdx.y] = loss;
  __syncthreads();
  if (threadIdx.x != 0 || threadIdx.y != 0) return;
  for (int team = 1; team < static_cast<int>(blockDim.y); ++team) loss += shared_doubles[team];
  partial[blockIdx.x] = loss;
}

/// Classes `inner` elements apart: a thread a position, neighbours in neighbouring threads.
template <class T>
__global__ void __launch_bounds__(kBlockThreads)
    position_lines(const CrossEntropy<T> problem, const std::int64_t positions, const std::int64_t inner,
                   const Divisor by_inner, double* partial) {
  using A = AccumulatorOf<T>;
  __shared__ double shared[kMostWarps];
  const Totals<A> all = totals<T, A>(problem, shared);
  const bool smooths = problem.on_class > A(0);
  double loss = 0;
  for (std::int64_t i = grid_thread(); i < positions; i += grid_threads()) {
    const std::int64_t outer = by_inner.quotient(i);
    const std::int64_t start = outer * problem.classes * inner + by_inner.remainder(i, outer);
    const Position<T> position(problem, all, problem.labels[i]);
    const T* x = problem.x + start;
    OnlineSoftmax<A> state = OnlineSoftmax<A>::empty();
    A at_label = 0, smooth = 0;
    for (std::int64_t c = 0; c < problem.classes; ++c) {
      const A value = to_accumulator(x[c * inner]);
      state.add(value);
      if (c == position.label) at_label = value;
    }
    if (problem.dx || smooths) {
      for (std::int64_t c = 0; c < problem.classes; ++c) {
        const A value = to_accumulator(x[c * inner]), weight = smooths ? problem.weight(c) : A(0);
        smooth += weight * (value - state.top);
        if (problem.dx) {
          problem.dx[start + c * inner] = from_accumulator<T>(
              position.gradient(c - position.label, value, state, problem.on_class * weight));
        }
      }
    }
    loss += position.loss(state, at_label, smooth, problem.on_class);
  }
  loss = block_sum(loss, shared);
  if (threadIdx.x == 0) partial[blockIdx.x] = loss;
}

/// One block: loss = Σ losses / Σ_n w_y.
template <class T>
__global__ void __launch_bounds__(kBlockThreads) finish_loss(const double* weights, const int weight_parts,
                                                             const double* losses, const int parts, T* loss) {
  __shared__ double shared[kMostWarps];
  double weight = 0, sum = 0;
  for (int i = static_cast<int>(threadIdx.x); i < weight_parts; i += kBlockThreads) weight += weights[i];
  for (int i = static_cast<int>(threadIdx.x); i < parts; i += kBlockThreads) sum += losses[i];
  weight = block_sum(weight, shared);
  sum = block_sum(sum, shared);
  if (threadIdx.x == 0) *loss = from_accumulator<T>(static_cast<AccumulatorOf<T>>(sum / weight));
}

/// One block.
__global__ void __launch_bounds__(kBlockThreads)
    add_parts(const double* partial, const int parts, double* sum) {
  __shared__ double shared[kMostWarps];
  double all = 0;
  for (int i = static_cast<int>(threadIdx.x); i < parts; i += kBlockThreads) all += partial[i];
  all = block_sum(all, shared);
  if (threadIdx.x == 0) *sum = all;
}

/// At most `most` blocks, by the count alone; one if there is nothing to do, so that sums exist.
int part_count(std::int64_t blocks, std::int64_t most) {
  return static_cast<int>(std::clamp<std::int64_t>(blocks, 1, most));
}

LaunchShape blocks_of(int count) {
  return {.grid = dim3(static_cast<unsigned>(count)), .block = dim3(kBlockThreads)};
}

/// Sums over one thread a position, at most.
int label_weight_parts(std::int64_t positions) {
  return part_count((positions + kBlockThreads - 1) / kBlockThreads, kBlockThreads);
}

template <class T>
void run_typed(const Stream& stream, const CrossEntropyArgs& args) {
  using A = AccumulatorOf<T>;
  const std::int64_t positions = args.outer * args.inner;
  const std::int64_t blocks = (positions + kBlockThreads - 1) / kBlockThreads;
  const int weight_parts = args.divisor ? 1 : label_weight_parts(positions);
  const double* const label_weights = args.divisor ? args.divisor : args.partial;
  double* const losses = args.partial + CrossEntropyArgs::kParts;
  const CrossEntropy<T> problem{
      .x = static_cast<const T*>(args.x),
      .labels = args.labels,
      .weights = static_cast<const T*>(args.weights),
      .dx = static_cast<T*>(args.dx),
      .classes = args.classes,
      .ignored_label = args.ignored_label,
      .on_label = static_cast<A>(1 - args.smoothing),
      .on_class = static_cast<A>(args.smoothing / static_cast<double>(args.classes)),
      .label_weights = label_weights,
      .parts = weight_parts};
  if (!args.divisor)
    launch(stream, blocks_of(weight_parts), sum_label_weights<T>, problem, positions, args.partial);
  int parts = 0;
  if (args.inner == 1) {
    const RowLoop loop{positions, args.classes};
    const bool aligned = aligned_for_packs(kPackSize<T>, problem.x, problem.dx);
    visit_held_rows<T>(stream, loop, aligned, [&]<int kWidth, int kPacks>(const RowTeams& teams) {
      parts = part_count(teams.blocks(), CrossEntropyArgs::kParts);
      launch(stream, teams.shape(parts), position_rows<T, kWidth, kPacks>, problem, loop, teams.shared_packs,
             losses);
    });
  } else {
    parts = part_count(blocks, CrossEntropyArgs::kParts);
    launch(stream, blocks_of(parts), position_lines<T>, problem, positions, args.inner,
           Divisor(std::max<std::int64_t>(1, args.inner)), losses);
  }
  launch(stream, blocks_of(1), finish_loss<T>, label_weights, weight_parts,
         static_cast<const double*>(losses), parts, static_cast<T*>(args.loss));
}

void run(const Stream& stream, const CrossEntropyArgs& args) {
  visit_float(args.dtype, "cross_entropy", [&]<class T>() { run_typed<T>(stream, args); });
}

void label_weight(const Stream& stream, const LabelWeightArgs& args) {
  const int parts = label_weight_parts(args.positions);
  visit_float(args.dtype, "label_weight", [&]<class T>() {
    const CrossEntropy<T> problem{.labels = args.labels,
                                  .weights = static_cast<const T*>(args.weights),
                                  .classes = args.classes,
                                  .ignored_label = args.ignored_label};
    launch(stream, blocks_of(parts), sum_label_weights<T>, problem, args.positions, args.partial);
  });
  launch(stream, blocks_of(1), add_parts, static_cast<const double*>(args.partial), parts, args.sum);
}

const KernelRegistrar<CrossEntropyArgs> kRegistered(cross_entropy_kernel, DeviceKind::cuda, run);
const KernelRegistrar<LabelWeightArgs> kLabelWeight(label_weight_kernel, DeviceKind::cuda, label_weight);

}  // namespace
}  // namespace slipway::cuda
