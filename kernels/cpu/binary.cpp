#include "kernels/binary.h"

#include <type_traits>

#include "kernels/cpu/parallel.h"

namespace slipway::cpu {
namespace {

/// Where T is computed: an overflow of unsigned integers is defined, and gives the bits that wrap around.
template <class T>
auto wrapping(T x) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<std::make_unsigned_t<T>>(x);
  else
    return x;
}

struct Add {
  template <class T>
  static T apply(T a, T b) {
    return static_cast<T>(wrapping(a) + wrapping(b));
  }
};
struct Subtract {
  template <class T>
  static T apply(T a, T b) {
    return static_cast<T>(wrapping(a) - wrapping(b));
  }
};
struct Multiply {
  template <class T>
  static T apply(T a, T b) {
    return static_cast<T>(wrapping(a) * wrapping(b));
  }
};
struct Divide {
  template <class T>
  static T apply(T a, T b) {
    if constexpr (std::is_integral_v<T>) {
      if (b == 0) return 0;  // an integer has no infinity, and a trap would end the program
      if (b == -1) return Subtract::apply(T(0), a);  // the quotient of the smallest integer overflows
    }
    return a / b;
  }
};
struct Maximum {
  template <class T>
  static T apply(T a, T b) {
    return a > b || a != a ? a : b;
  }
};
struct Minimum {
  template <class T>
  static T apply(T a, T b) {
    return a < b || a != a ? a : b;
  }
};
struct MaximumShare {
  template <class T>
  static T apply(T a, T b) {
    return a > b ? T(1) : (a == b ? T(0.5) : T(0));
  }
};
struct Equal {
  template <class T>
  static T apply(T a, T b) {
    return a == b ? T(1) : T(0);
  }
};

template <class Body>
void visit_function(BinaryFunction function, Body&& body) {
  switch (function) {
    case BinaryFunction::add:
      return body.template operator()<Add>();
    case BinaryFunction::subtract:
      return body.template operator()<Subtract>();
    case BinaryFunction::multiply:
      return body.template operator()<Multiply>();
    case BinaryFunction::divide:
      return body.template operator()<Divide>();
    case BinaryFunction::maximum:
      return body.template operator()<Maximum>();
    case BinaryFunction::minimum:
      return body.template operator()<Minimum>();
    case BinaryFunction::maximum_share:
      return body.template operator()<MaximumShare>();
    case BinaryFunction::equal:
      return body.template operator()<Equal>();
  }
}

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

/// The axes of a BinaryArgs with neighbours merged where both operands allow it: few and long loops.
struct Loops {
  explicit Loops(const BinaryArgs& args) {
    for (int i = 0; i < args.shape.rank(); ++i) {
      const std::int64_t size = args.shape[i];
      if (size == 1) continue;
      const int last = sizes.rank() - 1;
      if (last >= 0 && a[last] == args.a_strides[i] * size && b[last] == args.b_strides[i] * size) {
        sizes[last] *= size;
        a[last] = args.a_strides[i];
        b[last] = args.b_strides[i];
      } else {
        sizes.push_back(size);
        a.push_back(args.a_strides[i]);
        b.push_back(args.b_strides[i]);
      }
    }
    if (sizes.empty()) {
      sizes.push_back(1);
      a.push_back(0);
      b.push_back(0);
    }
  }
  Dims sizes, a, b;
};

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
  const Loops loops(args);
  const T* a = static_cast<const T*>(args.a);
  const T* b = static_cast<const T*>(args.b);
  T* y = static_cast<T*>(args.y);
  const int inner = loops.sizes.rank() - 1;
  const std::int64_t width = loops.sizes[inner], a_step = loops.a[inner], b_step = loops.b[inner];
  parallel_for(stream, args.shape.elements(), kParallelGrain, [&](std::int64_t begin, std::int64_t end) {
    while (begin < end) {
      const std::int64_t column = begin % width;
      std::int64_t row = begin / width;
      const std::int64_t count = std::min(width - column, end - begin);
      std::int64_t a_offset = column * a_step, b_offset = column * b_step;
      for (int axis = inner - 1; axis >= 0; --axis) {
        const std::int64_t index = row % loops.sizes[axis];
        row /= loops.sizes[axis];
        a_offset += index * loops.a[axis];
        b_offset += index * loops.b[axis];
      }
      apply_run<F>(a + a_offset, a_step, b + b_offset, b_step, y + begin, count);
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
