#include "kernels/metrics.h"

#include "kernels/cuda/divisor.cuh"
#include "kernels/cuda/math.cuh"
#include "kernels/cuda/ranked.cuh"
#include "kernels/cuda/rows.cuh"

namespace slipway::cuda {
namespace {

/// Counts are integers, whose sum is the same in every order.
__device__ void count(std::int64_t* counter, std::int64_t by) {
  if (by > 0) atomicAdd(reinterpret_cast<unsigned long long*>(counter), static_cast<unsigned long long>(by));
}

__global__ void __launch_bounds__(kBlockThreads) clear(const std::int64_t size, std::int64_t* counts) {
  for (std::int64_t i = grid_thread(); i < size; i += grid_threads()) counts[i] = 0;
}
void clear_counts(const Stream& stream, std::int64_t* counts, std::int64_t size) {
  launch(stream, elementwise_shape(stream, size), clear, size, counts);
}

/// The logits of position i are at(i)[c * inner].
template <class T>
struct Logits {
  explicit Logits(const LabelledLogits& input)
      : data(static_cast<const T*>(input.logits)),
        labels(input.labels),
        positions(input.outer * input.inner),
        classes(input.classes),
        inner(input.inner),
        ignored_label(input.ignored_label),
        by_inner(std::max<std::int64_t>(1, input.inner)) {}

  __device__ const T* at(std::int64_t i) const {
    const std::int64_t outer = by_inner.quotient(i);
    return data + outer * classes * inner + by_inner.remainder(i, outer);
  }
  __device__ bool counts(std::int64_t label) const {
    return label != ignored_label && label >= 0 && label < classes;
  }
  /// Where classes lie side by side a team takes a position, else a thread.
  RowTeams teams() const { return RowTeams({positions, inner == 1 ? classes : 1}, 1, 1); }
  /// Of many positions a block takes some, so that what it adds to memory in the end is little beside them.
  LaunchShape shape() const {
    constexpr std::int64_t kEnoughBlocks = 128, kRounds = 16;
    const RowTeams teams = this->teams();
    return teams.shape(std::min(teams.blocks(), std::max(kEnoughBlocks, teams.blocks() / kRounds)));
  }
  __device__ RowLoop loop() const { return {positions, classes}; }

  const T* data;
  const std::int64_t* labels;
  std::int64_t positions, classes, inner, ignored_label;
  Divisor by_inner;
};

/// counts[0]: positions with fewer than k logits before their label's.
template <class T>
__global__ void __launch_bounds__(kMostTeamThreads)
    count_hits(const Logits<T> logits, const std::int64_t k, std::int64_t* counts) {
  using A = AccumulatorOf<T>;
  __shared__ std::int64_t shared[kMostWarps];
  std::int64_t hits = 0, labels = 0;
  logits.loop().for_each([&](std::int64_t i, std::int64_t classes) {
    const std::int64_t label = classes > 0 ? logits.labels[i] : logits.ignored_label;
    if (label != logits.ignored_label) ++labels;
    const bool counted = logits.counts(label);
    const T* x = counted ? logits.at(i) : nullptr;
    const Ranked<A> own =
        counted ? Ranked<A>{to_accumulator(x[label * logits.inner]), label} : Ranked<A>::none();
    std::int64_t before = 0;
    for (std::int64_t c = threadIdx.x; counted && c < classes; c += blockDim.x) {
      if (Ranked<A>{to_accumulator(x[c * logits.inner]), c}.before(own)) ++before;
    }
    before = team_reduce(before, Add(), shared);
    if (counted && own.value == own.value && before < k) ++hits;
  });
  if (threadIdx.x != 0) return;
  count(&counts[0], hits);
  count(&counts[1], labels);
}

/// counts[label, first of the greatest logits].
template <class T>
__global__ void __launch_bounds__(kMostTeamThreads)
    count_predictions(const Logits<T> logits, std::int64_t* counts) {
  using A = AccumulatorOf<T>;
  __shared__ Ranked<A> shared[kMostWarps];
  logits.loop().for_each([&](std::int64_t i, std::int64_t classes) {
    Ranked<A> best = Ranked<A>::none();
    for (std::int64_t c = threadIdx.x; c < classes; c += blockDim.x) {
      best = First()(best, Ranked<A>{to_accumulator(logits.at(i)[c * logits.inner]), c});
    }
    best = team_reduce(best, First(), shared);
    if (threadIdx.x != 0 || classes == 0) return;
    const std::int64_t label = logits.labels[i];
    if (logits.counts(label)) count(&counts[label * classes + best.place], 1);
  });
}

void top_k_hits(const Stream& stream, const TopKHitsArgs& args) {
  clear_counts(stream, args.counts, 2);
  visit_float(args.input.dtype, "top_k_hits", [&]<class T>() {
    const Logits<T> logits(args.input);
    launch(stream, logits.shape(), count_hits<T>, logits, args.k, args.counts);
  });
}

void confusion(const Stream& stream, const ConfusionArgs& args) {
  clear_counts(stream, args.counts, args.input.classes * args.input.classes);
  visit_float(args.input.dtype, "confusion", [&]<class T>() {
    const Logits<T> logits(args.input);
    launch(stream, logits.teams().shape(), count_predictions<T>, logits, args.counts);
  });
}

template <class T, class Target>
__global__ void __launch_bounds__(kBlockThreads)
    count_decisions(const std::int64_t elements, const T* x, const Target* target,
                    const std::int64_t ignored_label, std::int64_t* counts) {
  using TargetNumber = AccumulatorOf<Target>;
  __shared__ std::int64_t shared[kMostWarps];
  std::int64_t found[4] = {};
  for (std::int64_t i = grid_thread(); i < elements; i += grid_threads()) {
    const TargetNumber t = to_accumulator(target[i]);
    if (t == static_cast<TargetNumber>(ignored_label)) continue;
    const int kind = (static_cast<double>(t) > 0.5 ? 2 : 0) + (to_accumulator(x[i]) > 0 ? 1 : 0);
#pragma unroll
    for (int k = 0; k < 4; ++k) found[k] += k == kind ? 1 : 0;
  }
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    found[k] = block_sum(found[k], shared);
    if (threadIdx.x == 0) count(&counts[k], found[k]);
  }
}

/// A block takes up to kTileColumns columns; its threads share out the rows. They read along memory.
constexpr int kTileColumns = 32;
template <class T, class Target>
__global__ void __launch_bounds__(kBlockThreads)
    sum_errors(const std::int64_t rows, const std::int64_t columns, const T* x, const Target* target,
               double* sums) {
  constexpr int kSums = 4;
  __shared__ double shared[kSums][kBlockThreads];
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * kTileColumns;
  const int tile = static_cast<int>(columns - first < kTileColumns ? columns - first : kTileColumns);
  const int thread = static_cast<int>(threadIdx.x), slices = kBlockThreads / tile;
  double found[kSums] = {};  // of t, t², (x - t)², |x - t|
  if (thread < slices * tile) {
    for (std::int64_t row = thread / tile; row < rows; row += slices) {
      const std::int64_t at = row * columns + first + thread % tile;
      const double t = static_cast<double>(to_accumulator(target[at]));
      const double error = static_cast<double>(to_accumulator(x[at])) - t;
      found[0] += t;
      found[1] += t * t;
      found[2] += error * error;
      found[3] += magnitude(error);
    }
  }
#pragma unroll
  for (int k = 0; k < kSums; ++k) shared[k][thread] = found[k];
  __syncthreads();
  if (thread >= tile) return;
  sums[first + thread] = static_cast<double>(rows);
  for (int k = 0; k < kSums; ++k) {
    double sum = 0;
    for (int slice = 0; slice < slices; ++slice) sum += shared[k][slice * tile + thread];
    sums[(k + 1) * columns + first + thread] = sum;
  }
}

/// Calls body.template operator()<T, Target>().
template <class Body>
void visit_pair(DType dtype, DType target, const char* kernel, Body&& body) {
  visit_float(dtype, kernel, [&]<class T>() {
    if (target == DType::int64)
      body.template operator()<T, std::int64_t>();
    else
      body.template operator()<T, T>();
  });
}

void binary_confusion(const Stream& stream, const BinaryConfusionArgs& args) {
  clear_counts(stream, args.counts, 4);
  visit_pair(args.dtype, args.target_dtype, "binary_confusion", [&]<class T, class Target>() {
    constexpr std::int64_t kOfThread = 8;  // elements that are worth a block's four counts
    launch(stream, elementwise_shape(stream, (args.count + kOfThread - 1) / kOfThread),
           count_decisions<T, Target>, args.count, static_cast<const T*>(args.x),
           static_cast<const Target*>(args.target), args.ignored_label, args.counts);
  });
}

void error_sums(const Stream& stream, const ErrorSumsArgs& args) {
  visit_pair(args.dtype, args.target_dtype, "error_sums", [&]<class T, class Target>() {
    const auto blocks = static_cast<unsigned>((args.columns + kTileColumns - 1) / kTileColumns);
    launch(stream, {.grid = dim3(blocks), .block = dim3(kBlockThreads)}, sum_errors<T, Target>, args.rows,
           args.columns, static_cast<const T*>(args.x), static_cast<const Target*>(args.target), args.sums);
  });
}

const KernelRegistrar<TopKHitsArgs> kTopK(top_k_hits_kernel, DeviceKind::cuda, top_k_hits);
const KernelRegistrar<ConfusionArgs> kConfusion(confusion_kernel, DeviceKind::cuda, confusion);
const KernelRegistrar<BinaryConfusionArgs> kBinary(binary_confusion_kernel, DeviceKind::cuda,
                                                   binary_confusion);
const KernelRegistrar<ErrorSumsArgs> kErrorSums(error_sums_kernel, DeviceKind::cuda, error_sums);

}  // namespace
}  // namespace slipway::cuda
