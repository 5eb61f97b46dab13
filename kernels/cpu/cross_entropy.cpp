#include "kernels/cross_entropy.h"

#include <cmath>
#include <limits>

#include "kernels/cpu/fixed_sum.h"
#include "kernels/cpu/float_types.h"
#include "kernels/cpu/math.h"

namespace slipway::cpu {
namespace {

/// Positions that are worked on side by side where classes are not contiguous.
constexpr std::int64_t kLanes = 32;

/// What each label counts in Σ_n w_y.
template <class T>
struct LabelWeights {
  const T* weights;  // or null
  std::int64_t classes, ignored_label;

  bool in_range(std::int64_t label) const { return label >= 0 && label < classes; }
  T of_class(std::int64_t c) const { return weights ? weights[c] : T(1); }
  double sum(const Stream& stream, const std::int64_t* labels, std::int64_t positions) const {
    return fixed_sum(stream, positions, positions, [&](std::int64_t begin, std::int64_t end) {
      double sum = 0;
      for (std::int64_t i = begin; i < end; ++i) sum += of_label(labels[i]);
      return sum;
    });
  }

 private:
  double of_label(std::int64_t label) const {
    if (label == ignored_label) return 0;
    return in_range(label) ? static_cast<double>(of_class(label)) : std::numeric_limits<double>::quiet_NaN();
  }
};

template <class T>
class CrossEntropy {
 public:
  CrossEntropy(const Stream& stream, const CrossEntropyArgs& args)
      : stream_(stream),
        args_(args),
        x_(static_cast<const T*>(args.x)),
        weights_(static_cast<const T*>(args.weights)),
        dx_(static_cast<T*>(args.dx)),
        label_weights_{weights_, args.classes, args.ignored_label} {}

  void run() {
    const std::int64_t positions = args_.outer * args_.inner;
    // Of all labels, so that one pass over x can write final gradients.
    const double weight =
        args_.divisor ? *args_.divisor : label_weights_.sum(stream_, args_.labels, positions);
    scale_ = static_cast<T>(1 / weight);
    on_label_ = static_cast<T>(1 - args_.smoothing);
    on_class_ = static_cast<T>(args_.smoothing / static_cast<double>(args_.classes));
    class_weights_ = static_cast<T>(args_.classes);
    if (weights_) {
      double sum = 0;
      for (std::int64_t c = 0; c < args_.classes; ++c) sum += static_cast<double>(weights_[c]);
      class_weights_ = static_cast<T>(sum);
    }
    const std::int64_t work = positions * args_.classes;
    const double loss =
        args_.inner == 1
            ? fixed_sum(stream_, positions, work,
                        [&](std::int64_t begin, std::int64_t end) { return rows(begin, end); })
            : fixed_sum(stream_, args_.outer * blocks(), work,
                        [&](std::int64_t begin, std::int64_t end) { return columns(begin, end); });
    *static_cast<T*>(args_.loss) = static_cast<T>(loss / weight);
  }

 private:
  bool in_range(std::int64_t label) const { return label_weights_.in_range(label); }
  T weight(std::int64_t c) const { return label_weights_.of_class(c); }

  /// Rows of contiguous classes.
  double rows(std::int64_t begin, std::int64_t end) const {
    double loss = 0;
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t label = args_.labels[i];
      const T* x = x_ + i * args_.classes;
      T* dx = dx_ ? dx_ + i * args_.classes : nullptr;
      if (label == args_.ignored_label || !in_range(label)) {
        const bool ignored = label == args_.ignored_label;
        if (!ignored) loss = std::numeric_limits<double>::quiet_NaN();
        if (dx) std::fill_n(dx, args_.classes, ignored ? T(0) : std::numeric_limits<T>::quiet_NaN());
      } else {
        loss += static_cast<double>(row(x, label, dx));
      }
    }
    return loss;
  }

  T row(const T* x, std::int64_t label, T* dx) const {
    const std::int64_t classes = args_.classes;
    T top = x[0];
#pragma omp simd reduction(max : top)
    for (std::int64_t c = 0; c < classes; ++c) top = x[c] > top ? x[c] : top;
    T smooth = 0;  // Σ w_c (x_c - top)
    if (on_class_ > T(0)) {
      if (weights_) {
#pragma omp simd reduction(+ : smooth)
        for (std::int64_t c = 0; c < classes; ++c) smooth += weights_[c] * (x[c] - top);
      } else {
#pragma omp simd reduction(+ : smooth)
        for (std::int64_t c = 0; c < classes; ++c) smooth += x[c] - top;
      }
    }
    const T at_label = x[label] - top;
    T sum = 0;
    if (dx) {
#pragma omp simd reduction(+ : sum)
      for (std::int64_t c = 0; c < classes; ++c) {
        const T e = exp(x[c] - top);
        dx[c] = e;
        sum += e;
      }
    } else {
#pragma omp simd reduction(+ : sum)
      for (std::int64_t c = 0; c < classes; ++c) sum += exp(x[c] - top);
    }
    const T hit = on_label_ * weight(label);
    const T total = hit + on_class_ * class_weights_;
    if (dx) {
      const T factor = total * scale_ / sum, shift = on_class_ * scale_;
      if (weights_) {
#pragma omp simd
        for (std::int64_t c = 0; c < classes; ++c) dx[c] = dx[c] * factor - shift * weights_[c];
      } else {
#pragma omp simd
        for (std::int64_t c = 0; c < classes; ++c) dx[c] = dx[c] * factor - shift;
      }
      dx[label] -= hit * scale_;
    }
    return total * log(sum) - hit * at_label - (on_class_ > T(0) ? on_class_ * smooth : T(0));
  }

  std::int64_t blocks() const { return (args_.inner + kLanes - 1) / kLanes; }

  /// Blocks of up to kLanes neighbouring positions of one outer index, classes `inner` elements apart.
  double columns(std::int64_t begin, std::int64_t end) const {
    double loss = 0;
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t n = i / blocks(), first = i % blocks() * kLanes;
      const std::int64_t start = n * args_.classes * args_.inner + first;
      loss += column(x_ + start, args_.labels + n * args_.inner + first, dx_ ? dx_ + start : nullptr,
                     std::min(kLanes, args_.inner - first));
    }
    return loss;
  }

  double column(const T* x, const std::int64_t* labels, T* dx, std::int64_t width) const {
    const std::int64_t classes = args_.classes, stride = args_.inner;
    T top[kLanes], sum[kLanes] = {}, smooth[kLanes] = {}, at_label[kLanes] = {}, hit[kLanes] = {};
    T total[kLanes] = {}, factor[kLanes] = {}, shift[kLanes] = {};
    for (std::int64_t k = 0; k < width; ++k) top[k] = x[k];
    for (std::int64_t c = 1; c < classes; ++c) {
#pragma omp simd
      for (std::int64_t k = 0; k < width; ++k)
        top[k] = x[c * stride + k] > top[k] ? x[c * stride + k] : top[k];
    }
    for (std::int64_t k = 0; k < width; ++k) {
      if (in_range(labels[k])) at_label[k] = x[labels[k] * stride + k] - top[k];
    }
    for (std::int64_t c = 0; c < classes; ++c) {
      const T w = weight(c);
#pragma omp simd
      for (std::int64_t k = 0; k < width; ++k) {
        const T shifted = x[c * stride + k] - top[k];
        const T e = exp(shifted);
        smooth[k] += w * shifted;
        sum[k] += e;
        if (dx) dx[c * stride + k] = e;
      }
    }
    double loss = 0;
    for (std::int64_t k = 0; k < width; ++k) {
      if (labels[k] == args_.ignored_label) continue;  // its factors stay 0
      hit[k] = in_range(labels[k]) ? on_label_ * weight(labels[k]) : std::numeric_limits<T>::quiet_NaN();
      total[k] = hit[k] + on_class_ * class_weights_;
      factor[k] = total[k] * scale_ / sum[k];
      shift[k] = on_class_ * scale_;
      loss += static_cast<double>(total[k] * log(sum[k]) - hit[k] * at_label[k] -
                                  (on_class_ > T(0) ? on_class_ * smooth[k] : T(0)));
    }
    if (!dx) return loss;
    for (std::int64_t c = 0; c < classes; ++c) {
      const T w = weight(c);
#pragma omp simd
      for (std::int64_t k = 0; k < width; ++k)
        dx[c * stride + k] = dx[c * stride + k] * factor[k] - shift[k] * w;
    }
    for (std::int64_t k = 0; k < width; ++k) {
      if (labels[k] == args_.ignored_label) {
        for (std::int64_t c = 0; c < classes; ++c) dx[c * stride + k] = 0;  // also where x was not finite
      } else if (in_range(labels[k])) {
        dx[labels[k] * stride + k] -= hit[k] * scale_;
      }
    }
    return loss;
  }

  const Stream& stream_;
  const CrossEntropyArgs& args_;
  const T* x_;
  const T* weights_;
  T* dx_;
  LabelWeights<T> label_weights_;
  T scale_ = 0;          // 1 / Σ_n w_y
  T on_label_ = 0;       // 1 - s
  T on_class_ = 0;       // s / C
  T class_weights_ = 0;  // Σ_c w_c
};

void run(const Stream& stream, const CrossEntropyArgs& args) {
  visit_float(args.dtype, "cross_entropy", [&]<class T>() { CrossEntropy<T>(stream, args).run(); });
}

void sum_label_weights(const Stream& stream, const LabelWeightArgs& args) {
  visit_float(args.dtype, "label_weight", [&]<class T>() {
    const LabelWeights<T> weights{static_cast<const T*>(args.weights), args.classes, args.ignored_label};
    *args.sum = weights.sum(stream, args.labels, args.positions);
  });
}

const KernelRegistrar<CrossEntropyArgs> kRegistered(cross_entropy_kernel, DeviceKind::cpu, run);
const KernelRegistrar<LabelWeightArgs> kLabelWeight(label_weight_kernel, DeviceKind::cpu, sum_label_weights);

}  // namespace
}  // namespace slipway::cpu
