#pragma once

#include "kernels/cpu/fixed_sum.h"
#include "kernels/cpu/float_types.h"
#include "kernels/element_loss.h"

namespace slipway::cpu {

template <class T>
struct LossAndGradient {
  T loss;
  T gradient;
};

template <class T, class Target, class Function>
double element_loss_sum(const Stream& stream, const ElementLossArgs& args, Function function) {
  const T* x = static_cast<const T*>(args.x);
  const Target* target = static_cast<const Target*>(args.target);
  const T* weights = static_cast<const T*>(args.weights);
  T* dx = static_cast<T*>(args.dx);
  const T share = T(1) / static_cast<T>(args.divisor);
  return fixed_sum(stream, args.count, args.count, [=, &args](std::int64_t begin, std::int64_t end) {
    double sum = 0;
    for (std::int64_t from = begin; from < end;) {  // runs of one weight
      const std::int64_t to = weights ? std::min(end, (from / args.inner + 1) * args.inner) : end;
      const T weight = weights ? weights[from / args.inner % args.channels] : T(1);
      if (dx) {
#pragma omp simd reduction(+ : sum)
        for (std::int64_t i = from; i < to; ++i) {
          const LossAndGradient<T> value = function(x[i], static_cast<T>(target[i]), weight);
          sum += static_cast<double>(value.loss);
          dx[i] = value.gradient * share;
        }
      } else {
#pragma omp simd reduction(+ : sum)
        for (std::int64_t i = from; i < to; ++i) {
          sum += static_cast<double>(function(x[i], static_cast<T>(target[i]), weight).loss);
        }
      }
      from = to;
    }
    return sum;
  });
}

/// `make(parameter)` gives for type T the function (x, t, weight) -> {loss, gradient}.
template <class MakeFunction>
void run_element_loss(const Stream& stream, const ElementLossArgs& args, const char* name,
                      MakeFunction make) {
  visit_float(args.dtype, name, [&]<class T>() {
    const auto function = make(static_cast<T>(args.parameter));
    const double sum = args.target_dtype == DType::int64
                           ? element_loss_sum<T, std::int64_t>(stream, args, function)
                           : element_loss_sum<T, T>(stream, args, function);
    *static_cast<T*>(args.loss) = static_cast<T>(sum / static_cast<double>(args.divisor));
  });
}

}  // namespace slipway::cpu
