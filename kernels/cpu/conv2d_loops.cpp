#include "kernels/cpu/conv2d_loops.h"

#include <cstring>

#include "kernels/cpu/float_types.h"
#include "kernels/cpu/parallel.h"

namespace slipway::cpu {
namespace {

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

/// Outputs [begin, end) of one axis whose input lies inside, for one position in the kernel;
/// input = output * stride + shift.
struct Span {
  std::int64_t begin, end, shift;
};

struct Sizes {
  explicit Sizes(const Conv2dProblem& problem)
      : batch(problem.x.shape[0]),
        in(problem.x.shape[1]),
        out(problem.y.shape[1]),
        group_in(problem.weight.shape[1]),
        group_out(out / problem.groups),
        window(problem.window) {
    for (int axis = 0; axis < 2; ++axis) {
      const auto k = static_cast<std::size_t>(axis);
      input[k] = problem.x.shape[2 + axis];
      output[k] = problem.y.shape[2 + axis];
      kernel[k] = problem.weight.shape[2 + axis];
    }
  }
  std::int64_t input_plane() const { return input[0] * input[1]; }
  std::int64_t output_plane() const { return output[0] * output[1]; }
  std::int64_t kernel_plane() const { return kernel[0] * kernel[1]; }
  Span span(std::size_t axis, std::int64_t position) const {
    const std::int64_t stride = window.stride[axis];
    const std::int64_t shift = position * window.dilation[axis] - window.padding_begin[axis];
    const std::int64_t begin = std::max<std::int64_t>(0, -floor_div(shift, stride));
    const std::int64_t end = std::min(output[axis], floor_div(input[axis] - 1 - shift, stride) + 1);
    return {begin, std::max(begin, end), shift};
  }

  std::int64_t batch, in, out, group_in, group_out;
  Window2d window;
  std::array<std::int64_t, 2> input{}, output{}, kernel{};
};

/// Calls body(kernel index, input row, output row, columns, input column shift) for every pair of rows that
/// meet at a kernel position.
template <class Body>
void for_each_row(const Sizes& sizes, Body&& body) {
  for (std::int64_t p = 0; p < sizes.kernel[0]; ++p) {
    const Span rows = sizes.span(0, p);
    for (std::int64_t q = 0; q < sizes.kernel[1]; ++q) {
      const Span columns = sizes.span(1, q);
      for (std::int64_t row = rows.begin; row < rows.end; ++row) {
        body(p * sizes.kernel[1] + q, row * sizes.window.stride[0] + rows.shift, row, columns);
      }
    }
  }
}

class ForwardLoops : public PreparedKernel<Conv2dArgs> {
 public:
  explicit ForwardLoops(const Conv2dProblem& problem) : problem_(problem), sizes_(problem) {}
  void run(const Stream& stream, const Conv2dArgs& args) override {
    visit_float(problem_.x.dtype, "conv2d_forward", [&]<class T>() {
      parallel_each(stream, sizes_.batch * sizes_.out,
                    [&](std::int64_t i) { plane<T>(args, i / sizes_.out, i % sizes_.out); });
    });
  }

 private:
  template <class T>
  void plane(const Conv2dArgs& args, std::int64_t n, std::int64_t o) const {
    const Sizes& s = sizes_;
    const std::int64_t offset = (n * s.out + o) * s.output_plane();
    T* y = static_cast<T*>(args.y) + offset;
    const T bias = args.bias ? static_cast<const T*>(args.bias)[o] : T(0);
    const T* residual = args.residual ? static_cast<const T*>(args.residual) + offset : nullptr;
    for (std::int64_t i = 0; i < s.output_plane(); ++i) y[i] = bias + (residual ? residual[i] : T(0));
    const std::int64_t first = o / s.group_out * s.group_in, stride = s.window.stride[1];
    for (std::int64_t i = 0; i < s.group_in; ++i) {
      const T* x = static_cast<const T*>(args.x) + (n * s.in + first + i) * s.input_plane();
      const T* weight = static_cast<const T*>(args.weight) + (o * s.group_in + i) * s.kernel_plane();
      for_each_row(s, [&](std::int64_t k, std::int64_t in_row, std::int64_t row, const Span& columns) {
        const T w = weight[k];
        const T* from = x + in_row * s.input[1] + columns.shift;
        T* to = y + row * s.output[1];
#pragma omp simd
        for (std::int64_t c = columns.begin; c < columns.end; ++c) to[c] += w * from[c * stride];
      });
    }
    if (problem_.activation != Activation::relu) return;
    for (std::int64_t i = 0; i < s.output_plane(); ++i) y[i] = y[i] < T(0) ? T(0) : y[i];
  }

  Conv2dProblem problem_;
  Sizes sizes_;
};

class BackwardDataLoops : public PreparedKernel<Conv2dBackwardDataArgs> {
 public:
  explicit BackwardDataLoops(const Conv2dProblem& problem) : problem_(problem), sizes_(problem) {}
  void run(const Stream& stream, const Conv2dBackwardDataArgs& args) override {
    visit_float(problem_.x.dtype, "conv2d_backward_data", [&]<class T>() {
      parallel_each(stream, sizes_.batch * sizes_.in,
                    [&](std::int64_t i) { plane<T>(args, i / sizes_.in, i % sizes_.in); });
    });
  }

 private:
  template <class T>
  void plane(const Conv2dBackwardDataArgs& args, std::int64_t n, std::int64_t i) const {
    const Sizes& s = sizes_;
    T* dx = static_cast<T*>(args.dx) + (n * s.in + i) * s.input_plane();
    std::fill(dx, dx + s.input_plane(), T(0));
    const std::int64_t first = i / s.group_in * s.group_out, stride = s.window.stride[1];
    for (std::int64_t o = first; o < first + s.group_out; ++o) {
      const T* dy = static_cast<const T*>(args.dy) + (n * s.out + o) * s.output_plane();
      const T* weight =
          static_cast<const T*>(args.weight) + (o * s.group_in + i % s.group_in) * s.kernel_plane();
      for_each_row(s, [&](std::int64_t k, std::int64_t in_row, std::int64_t row, const Span& columns) {
        const T w = weight[k];
        T* to = dx + in_row * s.input[1] + columns.shift;
        const T* from = dy + row * s.output[1];
#pragma omp simd
        for (std::int64_t c = columns.begin; c < columns.end; ++c) to[c * stride] += w * from[c];
      });
    }
  }

  Conv2dProblem problem_;
  Sizes sizes_;
};

class BackwardWeightsLoops : public PreparedKernel<Conv2dBackwardWeightsArgs> {
 public:
  explicit BackwardWeightsLoops(const Conv2dProblem& problem) : problem_(problem), sizes_(problem) {}
  void run(const Stream& stream, const Conv2dBackwardWeightsArgs& args) override {
    std::memset(args.dweight, 0, problem_.weight.bytes());
    visit_float(problem_.x.dtype, "conv2d_backward_weights", [&]<class T>() {
      parallel_each(stream, sizes_.out * sizes_.group_in,
                    [&](std::int64_t i) { kernel<T>(args, i / sizes_.group_in, i % sizes_.group_in); });
      if (args.dbias) parallel_each(stream, sizes_.out, [&](std::int64_t o) { bias<T>(args, o); });
    });
  }

 private:
  template <class T>
  void kernel(const Conv2dBackwardWeightsArgs& args, std::int64_t o, std::int64_t i) const {
    const Sizes& s = sizes_;
    T* dweight = static_cast<T*>(args.dweight) + (o * s.group_in + i) * s.kernel_plane();
    const std::int64_t input = o / s.group_out * s.group_in + i, stride = s.window.stride[1];
    for (std::int64_t n = 0; n < s.batch; ++n) {
      const T* x = static_cast<const T*>(args.x) + (n * s.in + input) * s.input_plane();
      const T* dy = static_cast<const T*>(args.dy) + (n * s.out + o) * s.output_plane();
      for_each_row(s, [&](std::int64_t k, std::int64_t in_row, std::int64_t row, const Span& columns) {
        const T* from = x + in_row * s.input[1] + columns.shift;
        const T* gradient = dy + row * s.output[1];
        T sum = 0;
#pragma omp simd reduction(+ : sum)
        for (std::int64_t c = columns.begin; c < columns.end; ++c) sum += gradient[c] * from[c * stride];
        dweight[k] += sum;
      });
    }
  }

  template <class T>
  void bias(const Conv2dBackwardWeightsArgs& args, std::int64_t o) const {
    T total = 0;
    for (std::int64_t n = 0; n < sizes_.batch; ++n) {
      const T* dy = static_cast<const T*>(args.dy) + (n * sizes_.out + o) * sizes_.output_plane();
      T sum = 0;
#pragma omp simd reduction(+ : sum)
      for (std::int64_t i = 0; i < sizes_.output_plane(); ++i) sum += dy[i];
      total += sum;
    }
    static_cast<T*>(args.dbias)[o] = total;
  }

  Conv2dProblem problem_;
  Sizes sizes_;
};

}  // namespace

bool conv2d_loops_apply(const Conv2dProblem& problem) {
  const bool row_major =
      problem.x.is_row_major() && problem.weight.is_row_major() && problem.y.is_row_major();
  return row_major || problem.x.elements() == 0 || problem.y.elements() == 0;
}

std::unique_ptr<PreparedKernel<Conv2dArgs>> conv2d_forward_loops(const Conv2dProblem& problem) {
  return std::make_unique<ForwardLoops>(problem);
}
std::unique_ptr<PreparedKernel<Conv2dBackwardDataArgs>> conv2d_backward_data_loops(
    const Conv2dProblem& problem) {
  return std::make_unique<BackwardDataLoops>(problem);
}
std::unique_ptr<PreparedKernel<Conv2dBackwardWeightsArgs>> conv2d_backward_weights_loops(
    const Conv2dProblem& problem) {
  return std::make_unique<BackwardWeightsLoops>(problem);
}

}  // namespace slipway::cpu
