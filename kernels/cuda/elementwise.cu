#include "kernels/elementwise.h"

#include "kernels/broadcast_axes.h"
#include "kernels/cuda/divisor.cuh"
#include "kernels/cuda/element_functions.cuh"
#include "kernels/cuda/elementwise.cuh"

namespace slipway::cuda {
namespace {

using Kind = ElementwiseStep::Kind;
using Source = ElementwiseOperand::Source;

constexpr int kMostInputs = ElementwiseArgs::kMostInputs, kMostSteps = ElementwiseArgs::kMostSteps;

// A thread takes kWidth neighbours through all steps before it goes on to the next. The step is the same for
// all threads, so that choosing it costs a few instructions for kWidth elements. What the next step reads
// stays in registers; what is read later waits in shared memory, where each thread has places of its own.

/// How a thread finds its elements of an input.
enum class Access : std::uint8_t {
  dense,     // they lie as y's, 16-byte aligned
  row,       // they are neighbours, 16-byte aligned
  repeated,  // one for all
  single     // each for itself
};

struct Input {
  const void* data;
  DType dtype;
  Access access;
  std::int64_t strides[kMaxRank];  // innermost axis first
};

template <class A>
struct Operand {
  Source source;
  std::uint8_t index;
  std::uint8_t slot;  // of a step
  A number;
};

template <class A>
struct Step {
  Kind kind;
  std::uint8_t function;
  std::uint8_t slot;
  A slope;
  Operand<A> a, b;
};

template <class A>
struct Program {
  int steps;
  DType dtype;
  bool packs;  // whether y is written kWidth elements at a time
  int rank;
  std::int64_t count;
  void* y;
  Step<A> step[kMostSteps];
  Input input[kMostInputs];
  Divisor sizes[kMaxRank];  // innermost axis first

  __device__ std::int64_t offset(const Input& from, std::int64_t i) const {
    std::int64_t offset = 0;
    for (int axis = 0; axis < rank; ++axis) {
      const std::int64_t outer = axis + 1 < rank ? sizes[axis].quotient(i) : 0;
      offset += sizes[axis].remainder(i, outer) * from.strides[axis];
      i = outer;
    }
    return offset;
  }
};

/// Calls body.template operator()<T>() with the type of elements that are computed with in A.
template <class A, class Body>
__device__ void visit_stored(DType dtype, Body&& body) {
  if constexpr (std::is_same_v<A, double>) {
    body.template operator()<double>();
  } else {
    if (dtype == DType::float32)
      body.template operator()<float>();
    else if (dtype == DType::float16)
      body.template operator()<__half>();
    else
      body.template operator()<__nv_bfloat16>();
  }
}

template <class T, class A, int kWidth>
__device__ Pack<A, kWidth> widened(const Pack<T, kWidth>& from) {
  Pack<A, kWidth> pack;
#pragma unroll
  for (int k = 0; k < kWidth; ++k) pack.values[k] = to_accumulator(from.values[k]);
  return pack;
}

/// The elements of an input that belong to elements [first, first + valid) of y.
template <class A, int kWidth>
__device__ Pack<A, kWidth> load_input(const Program<A>& program, const Input& input, std::int64_t first,
                                      int valid) {
  Pack<A, kWidth> pack{};
  visit_stored<A>(input.dtype, [&]<class T>() {
    const T* from = static_cast<const T*>(input.data);
    if (input.access == Access::repeated) {
      const A value = to_accumulator(from[program.offset(input, first)]);
#pragma unroll
      for (int k = 0; k < kWidth; ++k) pack.values[k] = value;
    } else if (input.access == Access::single || valid < kWidth) {
#pragma unroll
      for (int k = 0; k < kWidth; ++k) {
        if (k < valid) pack.values[k] = to_accumulator(from[program.offset(input, first + k)]);
      }
    } else {
      const std::int64_t at = input.access == Access::dense ? first : program.offset(input, first);
      pack = widened<T, A>(load_pack<kWidth>(from + at));
    }
  });
  return pack;
}

template <class A, int kWidth>
__device__ void store_result(const Program<A>& program, std::int64_t first, int valid,
                             const Pack<A, kWidth>& result) {
  visit_stored<A>(program.dtype, [&]<class T>() {
    T* y = static_cast<T*>(program.y) + first;
    Pack<T, kWidth> pack;
#pragma unroll
    for (int k = 0; k < kWidth; ++k) pack.values[k] = from_accumulator<T>(result.values[k]);
    if (program.packs && valid == kWidth) {
      store_pack(y, pack);
    } else {
#pragma unroll
      for (int k = 0; k < kWidth; ++k) {
        if (k < valid) y[k] = pack.values[k];
      }
    }
  });
}

/// This thread's places in shared memory: in parts of 16 bytes, neighbours for neighbouring threads, so that
/// no two of a warp meet in a bank.
template <class A, int kWidth>
class Slots {
 public:
  static constexpr int kPart = 16 / static_cast<int>(sizeof(A)), kParts = kWidth / kPart;
  static constexpr std::size_t kBytes = kBlockThreads * kWidth * sizeof(A);  // of one slot

  __device__ Pack<A, kWidth> load(int slot) const {
    Pack<A, kWidth> pack;
#pragma unroll
    for (int part = 0; part < kParts; ++part) {
      const Pack<A, kPart> from = load_pack<kPart>(place(slot, part));
#pragma unroll
      for (int k = 0; k < kPart; ++k) pack.values[part * kPart + k] = from.values[k];
    }
    return pack;
  }
  __device__ void store(int slot, const Pack<A, kWidth>& pack) const {
#pragma unroll
    for (int part = 0; part < kParts; ++part) {
      Pack<A, kPart> to;
#pragma unroll
      for (int k = 0; k < kPart; ++k) to.values[k] = pack.values[part * kPart + k];
      store_pack(place(slot, part), to);
    }
  }

 private:
  __device__ A* place(int slot, int part) const {
    return dynamic_shared<A>() + (((slot - 1) * kParts + part) * kBlockThreads + threadIdx.x) * kPart;
  }
};

template <int kWidth, class A, class Function>
__device__ Pack<A, kWidth> map_values(Function function, const Pack<A, kWidth>& a, const Pack<A, kWidth>& b) {
  Pack<A, kWidth> y;
#pragma unroll
  for (int k = 0; k < kWidth; ++k) y.values[k] = function(a.values[k], b.values[k]);
  return y;
}

template <class A>
__device__ A rounded(A value, DType dtype) {
  if constexpr (std::is_same_v<A, float>) {
    if (dtype == DType::float16) return __half2float(__float2half_rn(value));
    if (dtype == DType::bfloat16) return __bfloat162float(__float2bfloat16_rn(value));
  }
  return value;
}

template <class A, int kWidth>
__device__ Pack<A, kWidth> apply(const Step<A>& step, const Pack<A, kWidth>& a, const Pack<A, kWidth>& b) {
  Pack<A, kWidth> y{};
  const auto map = [&](auto function) { y = map_values<kWidth>(function, a, b); };
  switch (step.kind) {
    case Kind::unary:
      visit_function(static_cast<UnaryFunction>(step.function),
                     [&]<class F>() { map([](A x, A) { return F::value(x); }); });
      break;
    case Kind::unary_gradient:
      visit_function(static_cast<UnaryFunction>(step.function),
                     [&]<class F>() { map([](A dy, A v) { return dy * F::derivative(v); }); });
      break;
    case Kind::binary:
      visit_function(static_cast<BinaryFunction>(step.function), [&]<class F>() { map(F()); });
      break;
    case Kind::relu:
      map([&](A x, A) { return Rectified<A>{step.slope}(x); });
      break;
    case Kind::relu_gradient:
      map([&](A dy, A v) { return RectifiedGradient<A>{step.slope}(dy, v); });
      break;
    case Kind::round:
      map([&](A x, A) { return rounded(x, static_cast<DType>(step.function)); });
      break;
  }
  return y;
}

// Left to itself, ptxas spills registers to fit one block more.
template <int kWidth>
constexpr int kBlocksAtOnce = kWidth == 8 ? 2 : 3;

template <class A, int kWidth>
__global__ void __launch_bounds__(kBlockThreads, kBlocksAtOnce<kWidth>)
    run_program(const Program<A> program) {
  const Slots<A, kWidth> slots;
  const std::int64_t packs = (program.count + kWidth - 1) / kWidth;
  for (std::int64_t i = grid_thread(); i < packs; i += grid_threads()) {
    const std::int64_t first = i * kWidth, left = program.count - first;
    const int valid = left < kWidth ? static_cast<int>(left) : kWidth;
    Pack<A, kWidth> previous{};
    const auto find = [&](const Operand<A>& operand) {
      if (operand.source == Source::input)
        return load_input<A, kWidth>(program, program.input[operand.index], first, valid);
      if (operand.source == Source::step) return operand.slot == 0 ? previous : slots.load(operand.slot);
      Pack<A, kWidth> pack;
#pragma unroll
      for (int k = 0; k < kWidth; ++k) pack.values[k] = operand.number;
      return pack;
    };
    for (int s = 0; s < program.steps; ++s) {
      const Step<A>& step = program.step[s];
      previous = apply(step, find(step.a), find(step.b));
      if (step.slot > 0) slots.store(step.slot, previous);
    }
    store_result(program, first, valid, previous);
  }
}

/// Whether `width` elements of any dtype from here on can be read or written at once.
bool aligned(const void* at, DType dtype, int width) {
  return reinterpret_cast<std::uintptr_t>(at) % (size_of(dtype) * static_cast<std::size_t>(width)) == 0;
}

Access access_of(const Input& input, const BroadcastAxes<kMostInputs>& axes, int width) {
  const int rank = axes.sizes.rank();
  bool dense = true, repeats = true, packs = rank == 1 || axes.sizes.back() % width == 0;
  for (std::int64_t axis = 0, stride = 1; axis < rank; ++axis) {
    const std::int64_t size = axes.sizes[rank - 1 - static_cast<int>(axis)], moves = input.strides[axis];
    dense = dense && (moves == stride || size == 1);
    repeats = repeats && moves == 0;
    if (axis > 0 && input.strides[0] == 1) packs = packs && moves % width == 0;
    stride *= size;
  }
  const bool is_aligned = aligned(input.data, input.dtype, width);
  if (dense) return is_aligned ? Access::dense : Access::single;
  if (repeats || (packs && input.strides[0] == 0)) return Access::repeated;
  return packs && input.strides[0] == 1 && is_aligned ? Access::row : Access::single;
}

template <class A>
Operand<A> device_operand(const ElementwiseArgs& args, const ElementwiseOperand& operand) {
  return {.source = operand.source,
          .index = operand.index,
          .slot = operand.source == Source::step ? args.steps[operand.index].slot : std::uint8_t{0},
          .number = static_cast<A>(operand.number)};
}

template <class A, int kWidth>
void launch_program(const Stream& stream, const ElementwiseArgs& args) {
  Program<A> program{.steps = static_cast<int>(args.steps.size()),
                     .dtype = args.dtype,
                     .packs = aligned(args.y, args.dtype, kWidth),
                     .count = args.shape.elements(),
                     .y = args.y};
  if (program.count == 0) return;
  int slots = 0;
  for (std::size_t s = 0; s < args.steps.size(); ++s) {
    const ElementwiseStep& step = args.steps[s];
    slots = std::max<int>(slots, step.slot);
    program.step[s] = {.kind = step.kind,
                       .function = step.function,
                       .slot = step.slot,
                       .slope = static_cast<A>(step.slope),
                       .a = device_operand<A>(args, step.a),
                       .b = device_operand<A>(args, step.b)};
  }
  std::array<Dims, kMostInputs> strides;
  strides.fill(Dims::filled(args.shape.rank(), 0));
  for (std::size_t k = 0; k < static_cast<std::size_t>(args.input_count); ++k)
    strides[k] = args.inputs[k].strides;
  const BroadcastAxes<kMostInputs> axes(args.shape, strides, kMostInputs);
  program.rank = axes.sizes.rank();
  for (int axis = 0; axis < program.rank; ++axis)
    program.sizes[axis] = Divisor(axes.sizes[program.rank - 1 - axis]);
  for (std::size_t k = 0; k < static_cast<std::size_t>(args.input_count); ++k) {
    Input& input = program.input[k];
    input.data = args.inputs[k].data;
    input.dtype = args.inputs[k].dtype;
    for (int axis = 0; axis < program.rank; ++axis)
      input.strides[axis] = axes.strides[k][program.rank - 1 - axis];
    input.access = access_of(input, axes, kWidth);
  }
  LaunchShape shape = elementwise_shape(stream, (program.count + kWidth - 1) / kWidth);
  shape.shared_bytes = static_cast<std::size_t>(slots) * Slots<A, kWidth>::kBytes;
  launch(stream, shape, run_program<A, kWidth>, program);
}

void run(const Stream& stream, const ElementwiseArgs& args) {
  bool wide = false;  // whether there are 16-bit elements: then 16 bytes hold eight
  const auto check = [&](DType dtype) {
    const bool fits = args.dtype == DType::float64
                          ? dtype == DType::float64
                          : dtype == DType::float32 || dtype == DType::float16 || dtype == DType::bfloat16;
    require(fits, "elementwise: ", dtype, " and ", args.dtype, " can't be computed with together");
    wide = wide || size_of(dtype) == 2;
  };
  check(args.dtype);
  for (int k = 0; k < args.input_count; ++k) check(args.inputs[static_cast<std::size_t>(k)].dtype);
  if (args.dtype == DType::float64)
    launch_program<double, 2>(stream, args);
  else if (wide)
    launch_program<float, 8>(stream, args);
  else
    launch_program<float, 4>(stream, args);
}

const KernelRegistrar<ElementwiseArgs> kElementwise(elementwise_kernel, DeviceKind::cuda, run);

}  // namespace
}  // namespace slipway::cuda
