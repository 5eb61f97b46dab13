#include "kernels/binary.h"

#include "kernels/broadcast_axes.h"
#include "kernels/cpu/element_functions.h"
#include "kernels/cpu/parallel.h"

namespace slipway::cpu {
namespace {

template <class Body>
void visit_arithmetic(DType dtype, Body&& body) {
  switch (dtype) {
    case DType::float32:
      return body.template operator()<float>();
    case DType::float64:
      return body.template operator()<double>();
    case DType::int32:
      return body.template operator()<std::int32_t>();
    case DType::int64:
      return body.template operator()<std::int64_t>();
    default:
      throw Error(text("binary: expects float32, float64, int32 or int64, got ", dtype));
  }
}

/// One run along the innermost axis. An operand moves by 1, repeats, or (rarely) strides.
template <class F, class T>
void apply_run(const T* a, std::int64_t a_step, const T* b, std::int64_t b_step, T* y, std::int64_t count) {
  if (a_step == 1 && b_step == 1) {
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) y[i] = F::apply(a[i], b[i]);
  } else if (a_step == 1 && b_step == 0) {
    const T value = *b;
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) y[i] = F::apply(a[i], value);
  } else if (a_step == 0 && b_step == 1) {
    const T value = *a;
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) y[i] = F::apply(value, b[i]);
  } else {
    for (std::int64_t i = 0; i < count; ++i) y[i] = F::apply(a[i * a_step], b[i * b_step]);
  }
}

template <class F, class T>
void apply(const Stream& stream, const BinaryArgs& args) {
  const BroadcastAxes<2> axes(args.shape, {{args.a_strides, args.b_strides}}, 2);
  const T* a = static_cast<const T*>(args.a);
  const T* b = static_cast<const T*>(args.b);
  T* y = static_cast<T*>(args.y);
  const std::int64_t width = axes.sizes.back(), a_step = axes.strides[0].back(),
                     b_step = axes.strides[1].back();
  parallel_for(stream, args.shape.elements(), kParallelGrain, [&](std::int64_t begin, std::int64_t end) {
    while (begin < end) {
      const std::int64_t count = std::min(width - begin % width, end - begin);
      const auto offsets = axes.offsets(begin);
      apply_run<F>(a + offsets[0], a_step, b + offsets[1], b_step, y + begin, count);
      begin += count;
    }
  });
}

void run(const Stream& stream, const BinaryArgs& args) {
  visit_arithmetic(args.dtype, [&]<class T>() {
    visit_function(args.function, [&]<class F>() { apply<F, T>(stream, args); });
  });
}

const KernelRegistrar<BinaryArgs> kBinary(binary, DeviceKind::cpu, run);

}  // namespace
}  // namespace slipway::cpu
