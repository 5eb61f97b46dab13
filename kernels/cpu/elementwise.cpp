#include "kernels/elementwise.h"

#include <algorithm>

#include "kernels/broadcast_axes.h"
#include "kernels/cpu/element_functions.h"
#include "kernels/cpu/float_types.h"
#include "kernels/cpu/parallel.h"

namespace slipway::cpu {
namespace {

using Kind = ElementwiseStep::Kind;
using Source = ElementwiseOperand::Source;

constexpr int kMostInputs = ElementwiseArgs::kMostInputs, kMostSlots = ElementwiseArgs::kMostSlots;

/// Elements that pass through all steps together: few enough that what lies between them stays in the first
/// cache, many enough that choosing the step costs nothing beside it.
constexpr std::int64_t kBlock = 512;

/// An operand of a step for one block: its elements, or a number where there are none.
template <class T>
struct BlockOperand {
  const T* elements = nullptr;
  T number{};
};

/// One step over a block. The result may be an operand. Each step is a loop of its own over the very function
/// of the kernel of that function alone: so the results are those of one op after another, bit by bit.
template <class T>
using BlockStep = void (*)(const BlockOperand<T>& a, const BlockOperand<T>& b, T slope, T* y,
                           std::int64_t count);

template <class F, class T>
void unary_block(const BlockOperand<T>& a, const BlockOperand<T>&, T, T* y, std::int64_t count) {
  const T* x = a.elements;
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) y[i] = F::value(x[i]);
}

template <class F, class T>
void unary_gradient_block(const BlockOperand<T>& a, const BlockOperand<T>& b, T, T* y, std::int64_t count) {
  const T *dy = a.elements, *v = b.elements;
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) y[i] = dy[i] * F::derivative(v[i]);
}

template <class F, class T>
void binary_block(const BlockOperand<T>& a, const BlockOperand<T>& b, T, T* y, std::int64_t count) {
  const T *left = a.elements, *right = b.elements;
  if (left && right) {
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) y[i] = F::apply(left[i], right[i]);
  } else if (left) {
    const T number = b.number;
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) y[i] = F::apply(left[i], number);
  } else {
    const T number = a.number;
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) y[i] = F::apply(number, right[i]);
  }
}

template <class T>
void relu_block(const BlockOperand<T>& a, const BlockOperand<T>&, T slope, T* y, std::int64_t count) {
  const T* x = a.elements;
  if (slope == T(0)) {
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) y[i] = rectified(x[i]);
  } else {
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) y[i] = rectified(x[i], slope);
  }
}

template <class T>
void relu_gradient_block(const BlockOperand<T>& a, const BlockOperand<T>& b, T slope, T* y,
                         std::int64_t count) {
  const T *dy = a.elements, *v = b.elements;
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) y[i] = rectified_gradient(dy[i], v[i], slope);
}

/// To T itself: no other type comes here.
template <class T>
void round_block(const BlockOperand<T>& a, const BlockOperand<T>&, T, T* y, std::int64_t count) {
  std::copy_n(a.elements, count, y);
}

template <class T>
BlockStep<T> block_step(const ElementwiseStep& step) {
  BlockStep<T> found = nullptr;
  switch (step.kind) {
    case Kind::unary:
      visit_function(UnaryFunction{step.function}, [&]<class F>() { found = unary_block<F, T>; });
      break;
    case Kind::unary_gradient:
      visit_function(UnaryFunction{step.function}, [&]<class F>() { found = unary_gradient_block<F, T>; });
      break;
    case Kind::binary:
      visit_function(BinaryFunction{step.function}, [&]<class F>() { found = binary_block<F, T>; });
      break;
    case Kind::relu:
      return relu_block<T>;
    case Kind::relu_gradient:
      return relu_gradient_block<T>;
    case Kind::round:
      return round_block<T>;
  }
  return found;
}

/// The program with what does not change from block to block.
template <class T>
class Program {
 public:
  explicit Program(const ElementwiseArgs& args) : args_(args), axes_(args.shape, strides(args), kMostInputs) {
    for (std::size_t s = 0; s < args.steps.size(); ++s) steps_[s] = block_step<T>(args.steps[s]);
    for (std::size_t k = 0; k < inputs(); ++k) {
      const Dims& moves = axes_.strides[k];
      dense_[k] = axes_.sizes.rank() == 1 && (moves[0] == 1 || axes_.sizes[0] == 1);
      for (std::int64_t stride = 1, axis = moves.rank() - 1; axis >= 0 && !dense_[k]; --axis) {
        const auto i = static_cast<int>(axis);
        if (moves[i] != stride) break;
        stride *= axes_.sizes[i];
        dense_[k] = axis == 0;
      }
    }
  }

  void run(std::int64_t begin, std::int64_t end) const {
    alignas(64) std::array<std::array<T, kBlock>, kMostInputs> fetched;
    alignas(64) std::array<std::array<T, kBlock>, kMostSlots> slots;
    for (std::int64_t first = begin; first < end; first += kBlock) {
      const std::int64_t count = std::min(kBlock, end - first);
      fetch(first, count, fetched);
      const auto find = [&](const ElementwiseOperand& operand) -> BlockOperand<T> {
        switch (operand.source) {
          case Source::input:
            if (dense_[operand.index]) return {data(operand.index) + first};
            return {fetched[operand.index].data()};
          case Source::step:
            return {slots[args_.steps[operand.index].slot].data()};
          default:
            return {nullptr, static_cast<T>(operand.number)};
        }
      };
      for (std::size_t s = 0; s < args_.steps.size(); ++s) {
        const ElementwiseStep& step = args_.steps[s];
        const bool last = s + 1 == args_.steps.size();
        steps_[s](find(step.a), find(step.b), static_cast<T>(step.slope),
                  last ? static_cast<T*>(args_.y) + first : slots[step.slot].data(), count);
      }
    }
  }

 private:
  static std::array<Dims, kMostInputs> strides(const ElementwiseArgs& args) {
    std::array<Dims, kMostInputs> strides;
    for (std::size_t k = 0; k < strides.size(); ++k) {
      const bool used = k < static_cast<std::size_t>(args.input_count);
      strides[k] = used ? args.inputs[k].strides : Dims::filled(args.shape.rank(), 0);
    }
    return strides;
  }
  std::size_t inputs() const { return static_cast<std::size_t>(args_.input_count); }
  const T* data(std::size_t input) const { return static_cast<const T*>(args_.inputs[input].data); }

  /// The block's elements of the inputs that are broadcast, row by row.
  void fetch(std::int64_t first, std::int64_t count,
             std::array<std::array<T, kBlock>, kMostInputs>& fetched) const {
    if (std::all_of(dense_.begin(), dense_.begin() + args_.input_count, [](bool dense) { return dense; }))
      return;
    const std::int64_t width = axes_.sizes.back();
    for (std::int64_t at = 0; at < count;) {
      const std::int64_t run = std::min(width - (first + at) % width, count - at);
      const auto offsets = axes_.offsets(first + at);
      for (std::size_t k = 0; k < inputs(); ++k) {
        if (dense_[k]) continue;
        const T* from = data(k) + offsets[k];
        const std::int64_t step = axes_.strides[k].back();
        T* to = fetched[k].data() + at;
        if (step == 0) {
          std::fill_n(to, run, *from);
        } else {
          for (std::int64_t i = 0; i < run; ++i) to[i] = from[i * step];
        }
      }
      at += run;
    }
  }

  const ElementwiseArgs& args_;
  BroadcastAxes<kMostInputs> axes_;
  std::array<BlockStep<T>, ElementwiseArgs::kMostSteps> steps_{};
  std::array<bool, kMostInputs> dense_{};  // whether an input's elements lie as y's
};

/// Elements from which a second thread pays: several functions cost more than the memory they pass over.
constexpr std::int64_t kGrain = kParallelGrain / 4;

void run(const Stream& stream, const ElementwiseArgs& args) {
  visit_float(args.dtype, "elementwise", [&]<class T>() {
    for (int k = 0; k < args.input_count; ++k) {
      const DType dtype = args.inputs[static_cast<std::size_t>(k)].dtype;
      require(dtype == args.dtype, "elementwise: expects inputs of ", args.dtype, ", got ", dtype);
    }
    const Program<T> program(args);
    parallel_for(stream, args.shape.elements(), kGrain,
                 [&](std::int64_t begin, std::int64_t end) { program.run(begin, end); });
  });
}

const KernelRegistrar<ElementwiseArgs> kElementwise(elementwise_kernel, DeviceKind::cpu, run);

}  // namespace
}  // namespace slipway::cpu
