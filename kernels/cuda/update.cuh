#pragma once

#include <algorithm>

#include "kernels/cuda/elements.cuh"
#include "kernels/cuda/math.cuh"
#include "kernels/optimizer.h"

namespace slipway::cuda {

/// Segments as a kernel's parameter: one launch updates so many.
template <class A>
struct SegmentBatch {
  static constexpr int kMost = 96;
  struct Entry {
    std::int64_t begin, end;
    A weight_decay, learning_rate_scale;
  };

  int count = 0;
  Entry entries[kMost] = {};  // ascending, apart

  /// The segment that holds element i, or the first one after it; `count` if there is none.
  __device__ int find(std::int64_t i) const {
    int low = 0, high = count;
    while (low < high) {
      const int middle = (low + high) / 2;
      if (i < entries[middle].end)
        high = middle;
      else
        low = middle + 1;
    }
    return low;
  }
};

/// What a rule of update reads of UpdateArgs.
template <class T>
struct UpdateInputs {
  explicit UpdateInputs(const UpdateArgs& args)
      : parameters(static_cast<T*>(args.parameters)),
        gradients(static_cast<const T*>(args.gradients)),
        learning_rate(args.learning_rate),
        step(args.step),
        gradient_scale(args.gradient_scale) {}

  /// A scale that is not finite skips the update.
  __device__ float scale() const { return gradient_scale ? *gradient_scale : 1.0f; }

  T* parameters;
  const T* gradients;
  const float* learning_rate;
  const std::int64_t* step;
  const float* gradient_scale;
};

/// Updates elements [first_pack * kWidth, ...) that lie in a segment. A rule has
///   Element: the type of an element;  UpdateInputs<Element> inputs;
///   Step begin();                                         what is the same for all elements: once a block
///   template <int kWidth> void update(step, segment, i);  the kWidth elements from i
template <int kWidth, class Rule>
__global__ void __launch_bounds__(kBlockThreads)
    update_segments(const Rule rule, const SegmentBatch<AccumulatorOf<typename Rule::Element>> segments,
                    const std::int64_t first_pack, const std::int64_t packs) {
  __shared__ typename Rule::Step step;
  if (!is_finite(rule.inputs.scale())) return;
  if (threadIdx.x == 0) step = rule.begin();
  __syncthreads();
  for (std::int64_t pack = grid_thread(); pack < packs; pack += grid_threads()) {
    const std::int64_t begin = (first_pack + pack) * kWidth;
    int index = segments.find(begin);
    if (index == segments.count) return;
    const auto& segment = segments.entries[index];
    if (kWidth > 1 && segment.begin <= begin && begin + kWidth <= segment.end) {
      rule.template update<kWidth>(step, segment, begin);
      continue;
    }
    for (std::int64_t i = begin; i < begin + kWidth; ++i) {
      index = segments.find(i);
      if (index < segments.count && segments.entries[index].begin <= i) {
        rule.template update<1>(step, segments.entries[index], i);
      }
    }
  }
}

/// Enqueues the update of all segments; `aligned` says that 16 bytes at once may be accessed in all arrays.
enum class Alignment { elements, packs };
template <class Rule>
void update(const Stream& stream, const UpdateArgs& args, const Rule& rule, Alignment alignment) {
  using T = typename Rule::Element;
  using Batch = SegmentBatch<AccumulatorOf<T>>;
  const std::int64_t width = alignment == Alignment::packs ? kPackSize<T> : 1;
  for (std::size_t from = 0; from < args.segments.size(); from += Batch::kMost) {
    const auto part =
        args.segments.subspan(from, std::min<std::size_t>(Batch::kMost, args.segments.size() - from));
    Batch batch;
    for (const Segment& segment : part) {
      batch.entries[batch.count++] = {segment.begin, segment.end,
                                      static_cast<AccumulatorOf<T>>(segment.weight_decay),
                                      static_cast<AccumulatorOf<T>>(segment.learning_rate_scale)};
    }
    const std::int64_t first = part.front().begin / width,
                       packs = (part.back().end + width - 1) / width - first;
    launch(stream, elementwise_shape(stream, packs),
           alignment == Alignment::packs ? update_segments<kPackSize<T>, Rule> : update_segments<1, Rule>,
           rule, batch, first, packs);
  }
}

}  // namespace slipway::cuda
