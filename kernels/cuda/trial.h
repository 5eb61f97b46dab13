#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "core/tensor/device.h"
#include "kernels/conv2d.h"
#include "kernels/linear.h"
#include "kernels/matrix_product.h"

/// What the choice of an implementation has to know of every kind of problem.
namespace slipway::cuda {

/// Memory of a device to time kernels on. All of it holds zeros.
class TrialMemory {
 public:
  explicit TrialMemory(const Stream& stream) : stream_(stream) {}
  std::byte* take(std::size_t bytes);
  std::byte* take(const ValueType& type) { return take(type.bytes()); }
  std::byte* take_vector(const ValueType& like, std::int64_t elements) {
    return take(ValueType{like.dtype, Shape{elements}});
  }

 private:
  const Stream& stream_;
  std::vector<Buffer> taken_;
};

/// The problem in words, as the tuner remembers it.
std::string describe(const LinearProblem& problem);
std::string describe(const MatrixProductProblem& problem);
std::string describe(const Conv2dProblem& problem);

/// Arguments of a trial run, but for the scratch. The last parameter says which are wanted.
LinearArgs trial_arguments(const LinearProblem& problem, TrialMemory& memory, const LinearArgs*);
LinearBackwardDataArgs trial_arguments(const LinearProblem& problem, TrialMemory& memory,
                                       const LinearBackwardDataArgs*);
LinearBackwardWeightsArgs trial_arguments(const LinearProblem& problem, TrialMemory& memory,
                                          const LinearBackwardWeightsArgs*);
MatrixProductArgs trial_arguments(const MatrixProductProblem& problem, TrialMemory& memory,
                                  const MatrixProductArgs*);
Conv2dArgs trial_arguments(const Conv2dProblem& problem, TrialMemory& memory, const Conv2dArgs*);
Conv2dBackwardDataArgs trial_arguments(const Conv2dProblem& problem, TrialMemory& memory,
                                       const Conv2dBackwardDataArgs*);
Conv2dBackwardWeightsArgs trial_arguments(const Conv2dProblem& problem, TrialMemory& memory,
                                          const Conv2dBackwardWeightsArgs*);

/// Whether all arrays begin where the vendor's libraries want them to: at multiples of 16 bytes.
inline constexpr std::uintptr_t kLibraryAlignment = 16;
inline bool aligned(std::initializer_list<const void*> arrays) {
  for (const void* array : arrays) {
    if (reinterpret_cast<std::uintptr_t>(array) % kLibraryAlignment != 0) return false;
  }
  return true;
}
inline bool aligned(const LinearArgs& args) { return aligned({args.x, args.weight, args.bias, args.y}); }
inline bool aligned(const LinearBackwardDataArgs& args) { return aligned({args.dy, args.weight, args.dx}); }
inline bool aligned(const LinearBackwardWeightsArgs& args) {
  return aligned({args.x, args.dy, args.dweight, args.dbias});
}
inline bool aligned(const MatrixProductArgs& args) { return aligned({args.a, args.b, args.y}); }
inline bool aligned(const Conv2dArgs& args) {
  return aligned({args.x, args.weight, args.bias, args.residual, args.y});
}
inline bool aligned(const Conv2dBackwardDataArgs& args) { return aligned({args.dy, args.weight, args.dx}); }
inline bool aligned(const Conv2dBackwardWeightsArgs& args) {
  return aligned({args.x, args.dy, args.dweight, args.dbias});
}

}  // namespace slipway::cuda
