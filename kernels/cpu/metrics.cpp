#include "kernels/metrics.h"

#include <algorithm>
#include <cmath>

#include "kernels/cpu/fixed_sum.h"
#include "kernels/cpu/float_types.h"

namespace slipway::cpu {
namespace {

/// Whether logit c of a position comes before its logit `own` in falling order.
template <class T>
bool ranks_before(T value, std::int64_t c, T reference, std::int64_t own) {
  if (std::isnan(reference)) return std::isnan(value) && c < own;
  return !(value <= reference) || (value == reference && c < own);
}

void top_k_hits(const Stream& stream, const TopKHitsArgs& args) {
  const LabelledLogits& in = args.input;
  const std::int64_t positions = in.outer * in.inner;
  const std::int64_t work = positions * in.classes;
  visit_float(in.dtype, "top_k_hits", [&]<class T>() {
    const double hits = fixed_sum(stream, positions, work, [&](std::int64_t begin, std::int64_t end) {
      std::int64_t sum = 0;
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t label = in.labels[i];
        if (label == in.ignored_label || label < 0 || label >= in.classes) continue;
        const T* x = static_cast<const T*>(in.logits) + i / in.inner * in.classes * in.inner + i % in.inner;
        const T own = x[label * in.inner];
        if (std::isnan(own)) continue;
        std::int64_t before = 0;
        for (std::int64_t c = 0; c < in.classes; ++c) {
          before += ranks_before(x[c * in.inner], c, own, label) ? 1 : 0;
        }
        sum += before < args.k ? 1 : 0;
      }
      return static_cast<double>(sum);
    });
    args.counts[0] = static_cast<std::int64_t>(hits);
  });
  args.counts[1] = positions - std::count(in.labels, in.labels + positions, in.ignored_label);
}

void confusion(const Stream& stream, const ConfusionArgs& args) {
  const LabelledLogits& in = args.input;
  const std::int64_t positions = in.outer * in.inner;
  visit_float(in.dtype, "confusion", [&]<class T>() {
    const std::int64_t grain =
        std::max<std::int64_t>(1, kParallelGrain / std::max<std::int64_t>(1, in.classes));
    parallel_for(stream, positions, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const T* x = static_cast<const T*>(in.logits) + i / in.inner * in.classes * in.inner + i % in.inner;
        std::int64_t best = 0;
        for (std::int64_t c = 1; c < in.classes; ++c) {
          if (ranks_before(x[c * in.inner], c, x[best * in.inner], best)) best = c;
        }
        args.predicted[i] = best;
      }
    });
  });
  std::fill_n(args.counts, in.classes * in.classes, std::int64_t{0});
  for (std::int64_t i = 0; i < positions; ++i) {
    const std::int64_t label = in.labels[i];
    if (label == in.ignored_label || label < 0 || label >= in.classes) continue;
    ++args.counts[label * in.classes + args.predicted[i]];
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

void binary_confusion(const Stream&, const BinaryConfusionArgs& args) {
  std::fill_n(args.counts, 4, std::int64_t{0});
  visit_pair(args.dtype, args.target_dtype, "binary_confusion", [&]<class T, class Target>() {
    const T* x = static_cast<const T*>(args.x);
    const Target* target = static_cast<const Target*>(args.target);
    for (std::int64_t i = 0; i < args.count; ++i) {
      if (target[i] == static_cast<Target>(args.ignored_label)) continue;
      const int actual = static_cast<double>(target[i]) > 0.5 ? 1 : 0, predicted = x[i] > T(0) ? 1 : 0;
      ++args.counts[2 * actual + predicted];
    }
  });
}

void error_sums(const Stream& stream, const ErrorSumsArgs& args) {
  visit_pair(args.dtype, args.target_dtype, "error_sums", [&]<class T, class Target>() {
    const std::int64_t columns = args.columns;
    const std::int64_t grain =
        std::max<std::int64_t>(1, kParallelGrain / std::max<std::int64_t>(1, args.rows));
    parallel_for(stream, columns, grain, [&](std::int64_t begin, std::int64_t end) {
      double *count = args.sums, *first = count + columns, *second = first + columns;
      double *squared = second + columns, *absolute = squared + columns;
      for (double* sum : {count, first, second, squared, absolute}) std::fill(sum + begin, sum + end, 0.0);
      for (std::int64_t row = 0; row < args.rows; ++row) {
        const T* x = static_cast<const T*>(args.x) + row * columns;
        const Target* target = static_cast<const Target*>(args.target) + row * columns;
        for (std::int64_t c = begin; c < end; ++c) {
          const double t = static_cast<double>(target[c]), error = static_cast<double>(x[c]) - t;
          count[c] += 1;
          first[c] += t;
          second[c] += t * t;
          squared[c] += error * error;
          absolute[c] += std::abs(error);
        }
      }
    });
  });
}

const KernelRegistrar<TopKHitsArgs> kTopK(top_k_hits_kernel, DeviceKind::cpu, top_k_hits);
const KernelRegistrar<ConfusionArgs> kConfusion(confusion_kernel, DeviceKind::cpu, confusion);
const KernelRegistrar<BinaryConfusionArgs> kBinary(binary_confusion_kernel, DeviceKind::cpu,
                                                   binary_confusion);
const KernelRegistrar<ErrorSumsArgs> kErrorSums(error_sums_kernel, DeviceKind::cpu, error_sums);

}  // namespace
}  // namespace slipway::cpu
