#include "kernels/cpu/conv2d_onednn.h"

#include <cstring>

#include "kernels/cpu/parallel.h"

namespace slipway::cpu {
namespace {

using onednn::Convolution;
using onednn::Implementation;
using Algorithm = ConvolutionAlgorithm;

std::size_t align(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

/// The part of a batch that one primitive works on.
struct Shard {
  std::int64_t begin, count;
};

/// The whole batch for all threads; in deterministic mode a fixed number of parts, each for one thread, so
/// that no sum depends on the thread count.
std::vector<Shard> batch_shards(const Stream& stream, const Conv2dProblem& problem) {
  const std::int64_t batch = problem.x.shape[0];
  constexpr std::int64_t kShards = 8;
  const std::int64_t count = stream.deterministic ? std::min(batch, kShards) : 1;
  std::vector<Shard> shards;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t begin = i * batch / count;
    shards.push_back({begin, (i + 1) * batch / count - begin});
  }
  return shards;
}

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

/// The arguments of one run.
struct Pointers {
  std::array<const void*, 4> values;
  std::size_t count;
  operator std::span<const void* const>() const { return {values.data(), count}; }
};

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

/// One convolution primitive per shard of the batch, and the packing of the weight if it needs one.
class Shards {
 public:
  Shards(const Stream& stream, const Conv2dProblem& problem, Find offered, Algorithm algorithm,
         const std::function<std::vector<onednn::Argument>(const Implementation&, const Convolution&)>& list)
      : shards_(batch_shards(stream, problem)) {
    const onednn::ThreadCount threads(shards_.size() > 1 || stream.deterministic ? 1 : stream.threads);
    for (const Shard& shard : shards_) {
      const Convolution convolution = describe(problem, algorithm, shard.count);
      const auto implementation = find(offered, convolution, problem);
      if (!implementation) return;
      primitives_.emplace_back(*implementation, list(*implementation, convolution));
      shard_scratch_ = std::max(shard_scratch_, align(primitives_.back().scratch_bytes()));
      if (implementation->weight != convolution.weight) {
        if (packs_weight() && packed_weight_ != implementation->weight) return;
        stored_weight_ = convolution.weight;
        packed_weight_ = implementation->weight;
      }
    }
    complete_ = true;
  }

  bool complete() const { return complete_; }
  std::size_t size() const { return shards_.size(); }
  const Shard& shard(std::size_t i) const { return shards_[i]; }
  /// Of all shards together.
  std::size_t scratch_bytes() const { return shard_scratch_ * shards_.size(); }
  bool packs_weight() const { return !packed_weight_.is_zero(); }
  const dnnl::memory::desc& stored_weight() const { return stored_weight_; }
  const dnnl::memory::desc& packed_weight() const { return packed_weight_; }

  /// Runs the primitive of each shard i on the pointers that body(i) returns.
  template <class Body>
  void run(const Stream& stream, std::byte* scratch, Body&& body) {
    if (shards_.size() == 1) {
      const onednn::ThreadCount threads(stream.deterministic ? 1 : stream.threads);
      primitives_[0].run(body(std::size_t{0}), scratch);
      return;
    }
    const onednn::ThreadCount threads(1);
    parallel_each(stream, static_cast<std::int64_t>(shards_.size()), [&](std::int64_t i) {
      const auto k = static_cast<std::size_t>(i);
      primitives_[k].run(body(k), scratch + k * shard_scratch_);
    });
  }

 private:
  std::vector<Shard> shards_;
  std::vector<onednn::Primitive> primitives_;
  std::size_t shard_scratch_ = 0;
  dnnl::memory::desc stored_weight_, packed_weight_;
  bool complete_ = false;
};

/// Moves a weight between the layout of the variable and the one that a primitive works on.
class WeightPacking {
 public:
  enum class Direction { pack, unpack };
  WeightPacking(const Stream& stream, const Shards& shards, Direction direction) : threads_(stream.threads) {
    if (!shards.packs_weight()) return;
    bytes_ = align(shards.packed_weight().get_size());
    const onednn::ThreadCount threads(threads_);
    const bool pack = direction == Direction::pack;
    const auto& from = pack ? shards.stored_weight() : shards.packed_weight();
    const auto& to = pack ? shards.packed_weight() : shards.stored_weight();
    const auto implementation = onednn::reorder(from, to);
    require(implementation.has_value(), "oneDNN: offers no reorder of a convolution's weight");
    reorder_ = onednn::Primitive(*implementation, {{DNNL_ARG_SRC, from}, {DNNL_ARG_DST, to}});
  }
  bool needed() const { return static_cast<bool>(reorder_); }
  std::size_t packed_bytes() const { return bytes_; }
  std::size_t scratch_bytes() const { return reorder_ ? align(reorder_.scratch_bytes()) : 0; }
  void run(const void* from, void* to, std::byte* scratch) {
    const onednn::ThreadCount threads(threads_);
    const void* pointers[] = {from, to};
    reorder_.run(pointers, scratch);
  }

 private:
  int threads_;
  std::size_t bytes_ = 0;
  onednn::Primitive reorder_;
};

const float* at_batch(const void* base, const ValueType& type, std::int64_t index) {
  return static_cast<const float*>(base) + index * type.layout.strides()[0];
}

class Forward : public PreparedKernel<Conv2dArgs> {
 public:
  Forward(const Stream& stream, const Conv2dProblem& problem, Algorithm algorithm)
      : problem_(problem),
        shards_(stream, problem, onednn::convolution_forward, algorithm,
                [](const Implementation& found, const Convolution& convolution) {
                  std::vector<onednn::Argument> list{{DNNL_ARG_SRC, convolution.x},
                                                     {DNNL_ARG_WEIGHTS, found.weight},
                                                     {DNNL_ARG_DST, convolution.y}};
                  if (!convolution.bias.is_zero()) list.push_back({DNNL_ARG_BIAS, convolution.bias});
                  return list;
                }),
        packing_(stream, shards_, WeightPacking::Direction::pack) {}
  bool complete() const { return shards_.complete(); }
  std::size_t scratch_bytes() const override {
    return packing_.packed_bytes() + std::max(shards_.scratch_bytes(), packing_.scratch_bytes());
  }
  void run(const Stream& stream, const Conv2dArgs& args) override {
    if (problem_.has_residual && args.residual != args.y) {
      std::memcpy(args.y, args.residual, problem_.y.bytes());
    }
    const void* weight = args.weight;
    std::byte* scratch = args.scratch + packing_.packed_bytes();
    if (packing_.needed()) {
      packing_.run(args.weight, args.scratch, scratch);
      weight = args.scratch;
    }
    shards_.run(stream, scratch, [&](std::size_t i) {
      const std::int64_t begin = shards_.shard(i).begin;
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
        shards_(stream, problem, onednn::convolution_backward_data, algorithm,
                [](const Implementation& found, const Convolution& convolution) {
                  return std::vector<onednn::Argument>{{DNNL_ARG_DIFF_DST, convolution.y},
                                                       {DNNL_ARG_WEIGHTS, found.weight},
                                                       {DNNL_ARG_DIFF_SRC, convolution.x}};
                }),
        packing_(stream, shards_, WeightPacking::Direction::pack) {}
  bool complete() const { return shards_.complete(); }
  std::size_t scratch_bytes() const override {
    return packing_.packed_bytes() + std::max(shards_.scratch_bytes(), packing_.scratch_bytes());
  }
  void run(const Stream& stream, const Conv2dBackwardDataArgs& args) override {
    const void* weight = args.weight;
    std::byte* scratch = args.scratch + packing_.packed_bytes();
    if (packing_.needed()) {
      packing_.run(args.weight, args.scratch, scratch);
      weight = args.scratch;
    }
    shards_.run(stream, scratch, [&](std::size_t i) {
      const std::int64_t begin = shards_.shard(i).begin;
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
        shards_(stream, problem, onednn::convolution_backward_weights, algorithm,
                [](const Implementation& found, const Convolution& convolution) {
                  std::vector<onednn::Argument> list{{DNNL_ARG_SRC, convolution.x},
                                                     {DNNL_ARG_DIFF_DST, convolution.y},
                                                     {DNNL_ARG_DIFF_WEIGHTS, found.weight}};
                  if (!convolution.bias.is_zero()) list.push_back({DNNL_ARG_DIFF_BIAS, convolution.bias});
                  return list;
                }),
        packing_(stream, shards_, WeightPacking::Direction::unpack) {
    weight_bytes_ = packing_.needed() ? packing_.packed_bytes() : align(problem.weight.bytes());
    if (problem.has_bias)
      bias_bytes_ = align(static_cast<std::size_t>(problem.weight.shape[0]) * sizeof(float));
  }
  bool complete() const { return shards_.complete(); }
  std::size_t scratch_bytes() const override {
    return partial_bytes() + std::max(shards_.scratch_bytes(), packing_.scratch_bytes());
  }
  void run(const Stream& stream, const Conv2dBackwardWeightsArgs& args) override {
    std::byte* scratch = args.scratch + partial_bytes();
    shards_.run(stream, scratch, [&](std::size_t i) {
      const std::int64_t begin = shards_.shard(i).begin;
      const bool partial = shards_.size() > 1;
      return Pointers{{at_batch(args.x, problem_.x, begin), at_batch(args.dy, problem_.y, begin),
                       partial || packing_.needed() ? weight_part(args, i) : args.dweight,
                       partial ? bias_part(args, i) : args.dbias},
                      std::size_t{problem_.has_bias ? 4U : 3U}};
    });
    if (shards_.size() > 1) {
      sum_parts(stream, weight_part(args, 0), weight_bytes_ + bias_bytes_, weight_bytes_,
                packing_.needed() ? weight_part(args, 0) : args.dweight, problem_.weight.bytes());
      if (problem_.has_bias) {
        sum_parts(stream, bias_part(args, 0), weight_bytes_ + bias_bytes_, bias_bytes_, args.dbias,
                  static_cast<std::size_t>(problem_.weight.shape[0]) * sizeof(float));
      }
    }
    if (packing_.needed()) packing_.run(weight_part(args, 0), args.dweight, scratch);
  }

 private:
  /// Gradients of each shard, or one in the layout of the primitive.
  std::size_t partial_bytes() const {
    if (shards_.size() > 1) return shards_.size() * (weight_bytes_ + bias_bytes_);
    return packing_.needed() ? weight_bytes_ : 0;
  }
  std::byte* weight_part(const Conv2dBackwardWeightsArgs& args, std::size_t i) const {
    return args.scratch + i * (weight_bytes_ + bias_bytes_);
  }
  std::byte* bias_part(const Conv2dBackwardWeightsArgs& args, std::size_t i) const {
    return weight_part(args, i) + weight_bytes_;
  }
  /// The sum over the shards, in their order.
  void sum_parts(const Stream& stream, const std::byte* parts, std::size_t distance, std::size_t part_bytes,
                 void* to, std::size_t to_bytes) const {
    const std::size_t bytes = to == parts ? part_bytes : std::min(part_bytes, to_bytes);
    const auto* first = reinterpret_cast<const float*>(parts);
    float* total = static_cast<float*>(to);
    parallel_for(stream, static_cast<std::int64_t>(bytes / sizeof(float)), kParallelGrain,
                 [&](std::int64_t begin, std::int64_t end) {
                   if (total != first)
                     std::memcpy(total + begin, first + begin, std::size_t(end - begin) * sizeof(float));
                   for (std::size_t k = 1; k < shards_.size(); ++k) {
                     const auto* part = reinterpret_cast<const float*>(parts + k * distance);
#pragma omp simd
                     for (std::int64_t i = begin; i < end; ++i) total[i] += part[i];
                   }
                 });
  }

  Conv2dProblem problem_;
  Shards shards_;
  WeightPacking packing_;
  std::size_t weight_bytes_ = 0, bias_bytes_ = 0;
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
