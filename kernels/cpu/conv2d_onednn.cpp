#include "kernels/cpu/conv2d_onednn.h"

#include <cstring>

#include "kernels/cpu/onednn_shards.h"

namespace slipway::cpu {
namespace {

using onednn::Convolution;
using onednn::Implementation;
using Algorithm = ConvolutionAlgorithm;

ValueType with_batch(const ValueType& type, std::int64_t batch) {
  return {type.dtype, Shape(type.shape.with(0, batch)), type.layout};
}

dnnl::memory::dims pair(const std::array<std::int64_t, 2>& values, std::int64_t minus = 0) {
  return {values[0] - minus, values[1] - minus};
}

Convolution describe(const Conv2dProblem& problem, Algorithm algorithm, std::int64_t batch) {
  Convolution convolution{.algorithm = algorithm,
                          .x = onednn::descriptor(with_batch(problem.x, batch)),
                          .y = onednn::descriptor(with_batch(problem.y, batch)),
                          .stride = pair(problem.window.stride),
                          .dilation = pair(problem.window.dilation, 1),
                          .padding_begin = pair(problem.window.padding_begin),
                          .padding_end = pair(problem.window.padding_end),
                          .add_to_output = problem.has_residual,
                          .relu = problem.activation == Activation::relu};
  if (const auto weight = onednn::grouped_descriptor(problem.weight, problem.groups)) {
    convolution.weight = *weight;
  }
  if (problem.has_bias) {
    convolution.bias = onednn::descriptor({DType::float32, Shape{problem.weight.shape[0]}});
  }
  return convolution;
}

using Find = std::optional<Implementation> (*)(const Convolution&);

/// Looks for an implementation that takes the weight where it lies; failing that, one that wants it arranged
/// otherwise.
std::optional<Implementation> find(Find offered, Convolution convolution, const Conv2dProblem& problem) {
  const std::optional<Implementation> direct = offered(convolution);
  if (direct && !direct->is_reference()) return direct;
  if (convolution.algorithm == Algorithm::winograd) return std::nullopt;
  convolution.weight = onednn::any_grouped_layout(problem.weight.shape, problem.groups);
  const std::optional<Implementation> packed = offered(convolution);
  return packed && !packed->is_reference() ? packed : direct;
}

using Arguments = std::vector<onednn::Argument> (*)(const Implementation&, const Convolution&);

Shards make_shards(const Stream& stream, const Conv2dProblem& problem, Algorithm algorithm, Find offered,
                   Arguments arguments) {
  const double flops = 2.0 * static_cast<double>(problem.y.elements()) *
                       static_cast<double>(problem.weight.shape.elements(1, 4));
  return {stream, problem.x.shape[0], flops, [&](std::int64_t count) -> std::optional<ShardOffer> {
            const Convolution convolution = describe(problem, algorithm, count);
            const auto implementation = find(offered, convolution, problem);
            if (!implementation) return std::nullopt;
            return ShardOffer{*implementation, arguments(*implementation, convolution), convolution.weight};
          }};
}

const float* at_batch(const void* base, const ValueType& type, std::int64_t index) {
  return static_cast<const float*>(base) + index * type.layout.strides()[0];
}

class Forward : public PreparedKernel<Conv2dArgs> {
 public:
  Forward(const Stream& stream, const Conv2dProblem& problem, Algorithm algorithm)
      : problem_(problem),
        shards_(make_shards(stream, problem, algorithm, onednn::convolution_forward,
                            [](const Implementation& found, const Convolution& convolution) {
                              std::vector<onednn::Argument> list{{DNNL_ARG_SRC, convolution.x},
                                                                 {DNNL_ARG_WEIGHTS, found.weight},
                                                                 {DNNL_ARG_DST, convolution.y}};
                              if (!convolution.bias.is_zero())
                                list.push_back({DNNL_ARG_BIAS, convolution.bias});
                              return list;
                            })),
        packing_(stream, shards_, WeightPacking::Direction::pack) {}
  bool complete() const { return shards_.complete(); }
  bool packs_weight() const override { return shards_.packs_weight(); }
  bool is_reference() const override { return shards_.is_reference(); }
  std::size_t scratch_bytes() const override {
    return packing_.packed_bytes() + std::max(shards_.scratch_bytes(), packing_.scratch_bytes());
  }
  void run(const Stream& stream, const Conv2dArgs& args) override {
    if (problem_.has_residual && args.residual != args.y) {
      std::memcpy(args.y, args.residual, problem_.y.bytes());
    }
    std::byte* rest = args.scratch + packing_.packed_bytes();
    const void* weight = packing_.pack(args.weight, args.scratch, rest);
    shards_.run(rest, [&](std::size_t i) {
      const std::int64_t begin = shards_.begin(i);
      const std::size_t count = problem_.has_bias ? 4 : 3;
      return Pointers{
          {at_batch(args.x, problem_.x, begin), weight, at_batch(args.y, problem_.y, begin), args.bias},
          count};
    });
  }

 private:
  Conv2dProblem problem_;
  Shards shards_;
  WeightPacking packing_;
};

class BackwardData : public PreparedKernel<Conv2dBackwardDataArgs> {
 public:
  BackwardData(const Stream& stream, const Conv2dProblem& problem, Algorithm algorithm)
      : problem_(problem),
        shards_(make_shards(stream, problem, algorithm, onednn::convolution_backward_data,
                            [](const Implementation& found, const Convolution& convolution) {
                              return std::vector<onednn::Argument>{{DNNL_ARG_DIFF_DST, convolution.y},
                                                                   {DNNL_ARG_WEIGHTS, found.weight},
                                                                   {DNNL_ARG_DIFF_SRC, convolution.x}};
                            })),
        packing_(stream, shards_, WeightPacking::Direction::pack) {}
  bool complete() const { return shards_.complete(); }
  bool packs_weight() const override { return shards_.packs_weight(); }
  bool is_reference() const override { return shards_.is_reference(); }
  std::size_t scratch_bytes() const override {
    return packing_.packed_bytes() + std::max(shards_.scratch_bytes(), packing_.scratch_bytes());
  }
  void run(const Stream& stream, const Conv2dBackwardDataArgs& args) override {
    std::byte* rest = args.scratch + packing_.packed_bytes();
    const void* weight = packing_.pack(args.weight, args.scratch, rest);
    shards_.run(rest, [&](std::size_t i) {
      const std::int64_t begin = shards_.begin(i);
      return Pointers{{at_batch(args.dy, problem_.y, begin), weight, at_batch(args.dx, problem_.x, begin)},
                      3};
    });
  }

 private:
  Conv2dProblem problem_;
  Shards shards_;
  WeightPacking packing_;
};

class BackwardWeights : public PreparedKernel<Conv2dBackwardWeightsArgs> {
 public:
  BackwardWeights(const Stream& stream, const Conv2dProblem& problem, Algorithm algorithm)
      : problem_(problem),
        shards_(make_shards(stream, problem, algorithm, onednn::convolution_backward_weights,
                            [](const Implementation& found, const Convolution& convolution) {
                              std::vector<onednn::Argument> list{{DNNL_ARG_SRC, convolution.x},
                                                                 {DNNL_ARG_DIFF_DST, convolution.y},
                                                                 {DNNL_ARG_DIFF_WEIGHTS, found.weight}};
                              if (!convolution.bias.is_zero())
                                list.push_back({DNNL_ARG_DIFF_BIAS, convolution.bias});
                              return list;
                            })),
        sum_(stream, shards_, problem.weight, problem.has_bias) {}
  bool complete() const { return shards_.complete(); }
  bool packs_weight() const override { return shards_.packs_weight(); }
  bool is_reference() const override { return shards_.is_reference(); }
  std::size_t scratch_bytes() const override {
    return sum_.scratch_bytes() + std::max(shards_.scratch_bytes(), sum_.rest_bytes());
  }
  void run(const Stream& stream, const Conv2dBackwardWeightsArgs& args) override {
    const GradientSum::Targets results{args.dweight, args.dbias};
    std::byte* rest = args.scratch + sum_.scratch_bytes();
    shards_.run(rest, [&](std::size_t i) {
      const GradientSum::Targets targets = sum_.targets(i, results, args.scratch);
      return Pointers{{at_batch(args.x, problem_.x, shards_.begin(i)),
                       at_batch(args.dy, problem_.y, shards_.begin(i)), targets.weight, targets.bias},
                      std::size_t{problem_.has_bias ? 4U : 3U}};
    });
    sum_.finish(stream, results, args.scratch, rest);
  }

 private:
  Conv2dProblem problem_;
  Shards shards_;
  GradientSum sum_;
};

template <class Kernel, class Base>
std::unique_ptr<Base> make(const Stream& stream, const Conv2dProblem& problem, Algorithm algorithm) {
  auto kernel = std::make_unique<Kernel>(stream, problem, algorithm);
  if (!kernel->complete()) return nullptr;
  return kernel;
}

}  // namespace

std::unique_ptr<PreparedKernel<Conv2dArgs>> conv2d_forward_onednn(const Stream& stream,
                                                                  const Conv2dProblem& problem,
                                                                  ConvolutionAlgorithm algorithm) {
  return make<Forward, PreparedKernel<Conv2dArgs>>(stream, problem, algorithm);
}
std::unique_ptr<PreparedKernel<Conv2dBackwardDataArgs>> conv2d_backward_data_onednn(
    const Stream& stream, const Conv2dProblem& problem, ConvolutionAlgorithm algorithm) {
  return make<BackwardData, PreparedKernel<Conv2dBackwardDataArgs>>(stream, problem, algorithm);
}
std::unique_ptr<PreparedKernel<Conv2dBackwardWeightsArgs>> conv2d_backward_weights_onednn(
    const Stream& stream, const Conv2dProblem& problem, ConvolutionAlgorithm algorithm) {
  return make<BackwardWeights, PreparedKernel<Conv2dBackwardWeightsArgs>>(stream, problem, algorithm);
}

Conv2dLayouts conv2d_layouts_onednn(const Stream& stream, const Conv2dProblem& problem) {
  // Batch and image size of a usual case, so that the choice depends on channels and window only.
  constexpr std::int64_t kBatch = 16, kOutput = 16;
  Shape x{kBatch, problem.x.shape[1]}, y{kBatch, problem.y.shape[1]};
  for (int axis = 0; axis < 2; ++axis) {
    const auto k = static_cast<std::size_t>(axis);
    const std::int64_t reach = (problem.weight.shape[2 + axis] - 1) * problem.window.dilation[k] + 1;
    x.push_back(std::max<std::int64_t>(1, (kOutput - 1) * problem.window.stride[k] + reach -
                                              problem.window.padding_begin[k] -
                                              problem.window.padding_end[k]));
    y.push_back((x[2 + axis] + problem.window.padding_begin[k] + problem.window.padding_end[k] - reach) /
                    problem.window.stride[k] +
                1);
  }
  Conv2dLayouts layouts{Layout::row_major(problem.x.shape), Layout::row_major(problem.weight.shape),
                        Layout::row_major(problem.y.shape)};
  Convolution convolution = describe({.x = {DType::float32, x},
                                      .weight = problem.weight,
                                      .y = {DType::float32, y},
                                      .window = problem.window},
                                     Algorithm::direct, kBatch);
  convolution.x = onednn::any_layout(x);
  convolution.y = onednn::any_layout(y);
  convolution.weight = onednn::any_grouped_layout(problem.weight.shape, problem.groups);
  const onednn::ThreadCount threads(stream.threads);
  const auto found = onednn::convolution_forward(convolution);
  if (!found || found->is_reference()) return layouts;
  const auto chosen_x = onednn::layout_of(found->x), chosen_y = onednn::layout_of(found->y);
  const auto chosen_weight = onednn::grouped_layout_of(found->weight, problem.weight.shape);
  if (!chosen_x || !chosen_y || !chosen_weight) return layouts;
  return {chosen_x->like(x, problem.x.shape), *chosen_weight, chosen_y->like(y, problem.y.shape)};
}

}  // namespace slipway::cpu
