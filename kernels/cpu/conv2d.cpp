#include "kernels/conv2d.h"

#include <cstring>

#include "core/runtime/tuner.h"
#include "kernels/cpu/conv2d_blocked.h"
#include "kernels/cpu/conv2d_few_channels.h"
#include "kernels/cpu/conv2d_loops.h"
#include "kernels/cpu/conv2d_onednn.h"
#include "kernels/cpu/conv2d_winograd.h"

namespace slipway::cpu {
namespace {

using Algorithm = ConvolutionAlgorithm;

bool by_loops(const Conv2dProblem& problem) {
  return problem.x.dtype != DType::float32 || problem.x.elements() == 0 || problem.y.elements() == 0;
}

/// How sure it is, without measuring, which algorithm is faster.
enum class Guess { direct, winograd, unsure };

Guess guess(const Stream& stream, const Conv2dProblem& problem) {
  const Shape& weight = problem.weight.shape;
  const Window2d& window = problem.window;
  const bool possible = weight[2] == 3 && weight[3] == 3 &&
                        window.stride == std::array<std::int64_t, 2>{1, 1} &&
                        window.dilation == std::array<std::int64_t, 2>{1, 1} && problem.groups == 1;
  if (!possible) return Guess::direct;
  if (conv2d_winograd_applies(problem) && conv2d_winograd_wins(problem)) return Guess::winograd;
  const std::int64_t channels = std::min(weight[0], weight[1]);
  const std::int64_t pixels = problem.y.shape[2] * problem.y.shape[3];
  if (channels < 16 || problem.x.shape[0] * pixels < 256) return Guess::direct;
  if (channels >= 32 && pixels >= 64) return Guess::winograd;
  // Without measuring, Winograd from where it usually wins.
  if (!stream.tuner || stream.deterministic) return channels >= 32 ? Guess::winograd : Guess::direct;
  return Guess::unsure;
}

std::string key(const char* name, const Stream& stream, const Conv2dProblem& problem) {
  const Window2d& window = problem.window;
  return text(name, ' ', problem.x.shape, ' ', problem.weight.shape, " pad ", window.padding_begin[0], ' ',
              window.padding_begin[1], ' ', window.padding_end[0], ' ', window.padding_end[1],
              problem.has_bias ? " bias" : "", " threads ", stream.threads);
}

/// Memory to time a kernel on.
struct Sample {
  explicit Sample(const Conv2dProblem& problem)
      : x(Tensor::full(DType::float32, extent(problem.x), 0.5)),
        weight(Tensor::full(DType::float32, extent(problem.weight), 0.25)),
        y(Tensor::full(DType::float32, extent(problem.y), 0.125)),
        bias(Tensor::full(DType::float32, Shape{problem.weight.shape[0]}, 0.5)) {}
  static Shape extent(const ValueType& type) { return Shape{type.layout.extent(type.shape)}; }
  Tensor x, weight, y, bias;
};

Conv2dArgs arguments(const Sample& sample, const Conv2dProblem& problem, std::byte* scratch,
                     const Conv2dArgs*) {
  std::byte* y = sample.y.view().data;
  return {.x = sample.x.view().data,
          .weight = sample.weight.view().data,
          .bias = problem.has_bias ? sample.bias.view().data : nullptr,
          .residual = problem.has_residual ? y : nullptr,
          .y = y,
          .scratch = scratch};
}
Conv2dBackwardDataArgs arguments(const Sample& sample, const Conv2dProblem&, std::byte* scratch,
                                 const Conv2dBackwardDataArgs*) {
  return {.dy = sample.y.view().data,
          .weight = sample.weight.view().data,
          .dx = sample.x.view().data,
          .scratch = scratch};
}
Conv2dBackwardWeightsArgs arguments(const Sample& sample, const Conv2dProblem& problem, std::byte* scratch,
                                    const Conv2dBackwardWeightsArgs*) {
  return {.x = sample.x.view().data,
          .dy = sample.y.view().data,
          .dweight = sample.weight.view().data,
          .dbias = problem.has_bias ? sample.bias.view().data : nullptr,
          .scratch = scratch};
}

template <class Args>
struct Implementations {
  const char* name;
  std::unique_ptr<PreparedKernel<Args>> (*loops)(const Conv2dProblem&);
  std::unique_ptr<PreparedKernel<Args>> (*winograd)(const Stream&, const Conv2dProblem&);
  std::unique_ptr<PreparedKernel<Args>> (*onednn)(const Stream&, const Conv2dProblem&, Algorithm);
  /// Ours where oneDNN has nothing good, and for which problems.
  std::unique_ptr<PreparedKernel<Args>> (*ours)(const Stream&, const Conv2dProblem&) = nullptr;
  bool (*ours_applies)(const Conv2dProblem&) = nullptr;

  /// Null if there is none.
  std::unique_ptr<PreparedKernel<Args>> by_winograd(const Stream& stream,
                                                    const Conv2dProblem& problem) const {
    const bool applies = conv2d_winograd_applies(problem);
    if (applies && conv2d_winograd_wins(problem)) return winograd(stream, problem);
    auto found = onednn(stream, problem, Algorithm::winograd);
    return found || !applies ? std::move(found) : winograd(stream, problem);
  }
  /// Without Winograd's method, and without a copy of the weight if possible. Null if there is none.
  std::unique_ptr<PreparedKernel<Args>> direct(const Stream& stream, const Conv2dProblem& problem) const {
    auto found = onednn(stream, problem, Algorithm::direct);
    if (found && !found->packs_weight() && !found->is_reference()) return found;
    if (ours && ours_applies(problem)) return ours(stream, problem);
    return found;
  }
};

template <class Args>
std::unique_ptr<PreparedKernel<Args>> make(const Implementations<Args>& offered, const Stream& stream,
                                           const Conv2dProblem& problem) {
  if (by_loops(problem)) {
    require(conv2d_loops_apply(problem), offered.name, ": expects row-major values, got ", problem.x, ", ",
            problem.weight, " and ", problem.y);
    return offered.loops(problem);
  }
  const Guess clear = guess(stream, problem);
  std::unique_ptr<PreparedKernel<Args>> winograd, direct;
  if (clear != Guess::direct) winograd = offered.by_winograd(stream, problem);
  if (winograd && clear == Guess::winograd) return winograd;
  if (winograd) {
    const std::string id = key(offered.name, stream, problem);
    const auto known = stream.tuner->find(id);
    if (known == "winograd") return winograd;
    direct = offered.direct(stream, problem);
    if (known == "direct" && direct) return direct;
    if (!direct) return winograd;
    const Sample sample(problem);
    const Buffer scratch(stream.device, std::max(winograd->scratch_bytes(), direct->scratch_bytes()));
    const auto args = arguments(sample, problem, scratch.data(), static_cast<const Args*>(nullptr));
    const std::string best = stream.tuner->choose(id, {{"winograd", [&] { winograd->run(stream, args); }},
                                                       {"direct", [&] { direct->run(stream, args); }}});
    return best == "winograd" ? std::move(winograd) : std::move(direct);
  }
  direct = offered.direct(stream, problem);
  if (direct) return direct;
  require(conv2d_loops_apply(problem), offered.name, ": no implementation for ", problem.x, ", ",
          problem.weight, " and ", problem.y);
  return offered.loops(problem);
}

std::unique_ptr<PreparedKernel<Conv2dArgs>> forward(const Stream& stream, const Conv2dProblem& problem) {
  return make<Conv2dArgs>(
      {"conv2d_forward", conv2d_forward_loops, conv2d_forward_winograd, conv2d_forward_onednn}, stream,
      problem);
}
std::unique_ptr<PreparedKernel<Conv2dBackwardDataArgs>> backward_data(const Stream& stream,
                                                                      const Conv2dProblem& problem) {
  return make<Conv2dBackwardDataArgs>(
      {"conv2d_backward_data", conv2d_backward_data_loops, conv2d_backward_data_winograd,
       conv2d_backward_data_onednn, conv2d_backward_data_blocked, conv2d_blocked_applies},
      stream, problem);
}
std::unique_ptr<PreparedKernel<Conv2dBackwardWeightsArgs>> backward_weights(const Stream& stream,
                                                                            const Conv2dProblem& problem) {
  return make<Conv2dBackwardWeightsArgs>(
      {"conv2d_backward_weights", conv2d_backward_weights_loops, conv2d_backward_weights_winograd,
       conv2d_backward_weights_onednn, conv2d_backward_weights_few_channels, conv2d_few_channels_applies},
      stream, problem);
}

Conv2dLayouts layouts(const Stream& stream, const Conv2dProblem& problem) {
  if (problem.x.dtype == DType::float32) return conv2d_layouts_onednn(stream, problem);
  return {Layout::row_major(problem.x.shape), Layout::row_major(problem.weight.shape),
          Layout::row_major(problem.y.shape)};
}

const DeviceFunctionRegistrar kLayouts(conv2d_layouts, DeviceKind::cpu, layouts);
const DeviceFunctionRegistrar kForward(conv2d_forward, DeviceKind::cpu, forward);
const DeviceFunctionRegistrar kBackwardData(conv2d_backward_data, DeviceKind::cpu, backward_data);
const DeviceFunctionRegistrar kBackwardWeights(conv2d_backward_weights, DeviceKind::cpu, backward_weights);

}  // namespace
}  // namespace slipway::cpu
