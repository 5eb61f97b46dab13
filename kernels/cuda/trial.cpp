#include "kernels/cuda/trial.h"

#include "core/base/error.h"
#include "core/tensor/device_backend.h"

namespace slipway::cuda {

std::byte* TrialMemory::take(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  const Buffer& buffer = taken_.emplace_back(stream_.device, bytes);
  device_backend(stream_.device).zero(stream_, buffer.data(), bytes);
  return buffer.data();
}

std::string describe(const LinearProblem& problem) {
  return text(problem.x, ' ', problem.weight.shape, problem.has_bias ? " bias" : "",
              problem.activation == Activation::relu ? " relu" : "");
}

std::string describe(const MatrixProductProblem& problem) {
  return text(problem.dtype, ' ', Shape{problem.batch, problem.rows, problem.inner, problem.columns},
              problem.transpose_a ? " transpose_a" : "", problem.transpose_b ? " transpose_b" : "");
}

std::string describe(const Conv2dProblem& problem) {
  const Window2d& window = problem.window;
  return text(problem.x, ' ', problem.weight.shape, " stride ", window.stride[0], ' ', window.stride[1],
              " dilation ", window.dilation[0], ' ', window.dilation[1], " pad ", window.padding_begin[0],
              ' ', window.padding_begin[1], ' ', window.padding_end[0], ' ', window.padding_end[1],
              " groups ", problem.groups, problem.has_bias ? " bias" : "",
              problem.has_residual ? " residual" : "", problem.activation == Activation::relu ? " relu" : "");
}

LinearArgs trial_arguments(const LinearProblem& problem, TrialMemory& memory, const LinearArgs*) {
  return {.x = memory.take(problem.x),
          .weight = memory.take(problem.weight),
          .bias = problem.has_bias ? memory.take_vector(problem.y, problem.weight.shape[0]) : nullptr,
          .y = memory.take(problem.y),
          .scratch = nullptr};
}

LinearBackwardDataArgs trial_arguments(const LinearProblem& problem, TrialMemory& memory,
                                       const LinearBackwardDataArgs*) {
  return {.dy = memory.take(problem.y),
          .weight = memory.take(problem.weight),
          .dx = memory.take(problem.x),
          .scratch = nullptr};
}

LinearBackwardWeightsArgs trial_arguments(const LinearProblem& problem, TrialMemory& memory,
                                          const LinearBackwardWeightsArgs*) {
  return {.x = memory.take(problem.x),
          .dy = memory.take(problem.y),
          .dweight = memory.take(problem.weight),
          .dbias = problem.has_bias ? memory.take_vector(problem.y, problem.weight.shape[0]) : nullptr,
          .scratch = nullptr};
}

MatrixProductArgs trial_arguments(const MatrixProductProblem& problem, TrialMemory& memory,
                                  const MatrixProductArgs*) {
  const auto matrices = [&](std::int64_t rows, std::int64_t columns) {
    return ValueType{problem.dtype, Shape{problem.batch, rows, columns}};
  };
  return {.a = memory.take(matrices(problem.rows, problem.inner)),
          .b = memory.take(matrices(problem.inner, problem.columns)),
          .y = memory.take(matrices(problem.rows, problem.columns)),
          .scratch = nullptr};
}

Conv2dArgs trial_arguments(const Conv2dProblem& problem, TrialMemory& memory, const Conv2dArgs*) {
  return {.x = memory.take(problem.x),
          .weight = memory.take(problem.weight),
          .bias = problem.has_bias ? memory.take_vector(problem.y, problem.weight.shape[0]) : nullptr,
          .residual = problem.has_residual ? memory.take(problem.y) : nullptr,
          .y = memory.take(problem.y),
          .scratch = nullptr};
}

Conv2dBackwardDataArgs trial_arguments(const Conv2dProblem& problem, TrialMemory& memory,
                                       const Conv2dBackwardDataArgs*) {
  return {.dy = memory.take(problem.y),
          .weight = memory.take(problem.weight),
          .dx = memory.take(problem.x),
          .scratch = nullptr};
}

Conv2dBackwardWeightsArgs trial_arguments(const Conv2dProblem& problem, TrialMemory& memory,
                                          const Conv2dBackwardWeightsArgs*) {
  return {.x = memory.take(problem.x),
          .dy = memory.take(problem.y),
          .dweight = memory.take(problem.weight),
          .dbias = problem.has_bias ? memory.take_vector(problem.y, problem.weight.shape[0]) : nullptr,
          .scratch = nullptr};
}

}  // namespace slipway::cuda
