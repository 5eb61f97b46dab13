#include "kernels/linear.h"

#include "core/base/shape.h"
#include "kernels/cpu/float_types.h"
#include "kernels/cpu/matrix_product_loops.h"
#include "kernels/cpu/onednn_shards.h"

namespace slipway::cpu {
namespace {

using onednn::Implementation;
using onednn::InnerProduct;

struct Sizes {
  explicit Sizes(const LinearProblem& problem)
      : rows(problem.x.shape[0]), in(problem.x.shape[1]), out(problem.weight.shape[0]) {}
  std::int64_t rows, in, out;
};

class ForwardLoops : public PreparedKernel<LinearArgs> {
 public:
  explicit ForwardLoops(const LinearProblem& problem) : problem_(problem) {}
  void run(const Stream& stream, const LinearArgs& args) override {
    visit_float(problem_.x.dtype, "linear_forward", [&]<class T>() { run_typed<T>(stream, args); });
  }

 private:
  template <class T>
  void run_typed(const Stream& stream, const LinearArgs& args) const {
    const Sizes s(problem_);
    T* y = static_cast<T*>(args.y);
    const T* bias = static_cast<const T*>(args.bias);
    const bool relu = problem_.activation == Activation::relu;
    matrix_product_loops<T>(stream, {static_cast<const T*>(args.x), s.in, 1},
                            {static_cast<const T*>(args.weight), 1, s.in}, y, Shape{s.rows, s.in, s.out});
    if (!bias && !relu) return;
    for (std::int64_t i = 0; i < s.rows; ++i) {
      for (std::int64_t o = 0; o < s.out; ++o) {
        T& value = y[i * s.out + o];
        if (bias) value += bias[o];
        if (relu && value < T(0)) value = 0;
      }
    }
  }
  LinearProblem problem_;
};

class BackwardDataLoops : public PreparedKernel<LinearBackwardDataArgs> {
 public:
  explicit BackwardDataLoops(const LinearProblem& problem) : problem_(problem) {}
  void run(const Stream& stream, const LinearBackwardDataArgs& args) override {
    const Sizes s(problem_);
    visit_float(problem_.x.dtype, "linear_backward_data", [&]<class T>() {
      matrix_product_loops<T>(stream, {static_cast<const T*>(args.dy), s.out, 1},
                              {static_cast<const T*>(args.weight), s.in, 1}, static_cast<T*>(args.dx),
                              Shape{s.rows, s.out, s.in});
    });
  }

 private:
  LinearProblem problem_;
};

class BackwardWeightsLoops : public PreparedKernel<LinearBackwardWeightsArgs> {
 public:
  explicit BackwardWeightsLoops(const LinearProblem& problem) : problem_(problem) {}
  void run(const Stream& stream, const LinearBackwardWeightsArgs& args) override {
    const Sizes s(problem_);
    visit_float(problem_.x.dtype, "linear_backward_weights", [&]<class T>() {
      const T* dy = static_cast<const T*>(args.dy);
      if (s.rows == 0) {  // the weight's layout may be any
        std::fill_n(static_cast<std::byte*>(args.dweight), problem_.weight.bytes(), std::byte{0});
      } else {
        matrix_product_loops<T>(stream, {dy, 1, s.out}, {static_cast<const T*>(args.x), s.in, 1},
                                static_cast<T*>(args.dweight), Shape{s.out, s.rows, s.in});
      }
      if (!args.dbias) return;
      T* dbias = static_cast<T*>(args.dbias);
      std::fill_n(dbias, s.out, T(0));
      for (std::int64_t i = 0; i < s.rows; ++i) {
        for (std::int64_t o = 0; o < s.out; ++o) dbias[o] += dy[i * s.out + o];
      }
    });
  }

 private:
  LinearProblem problem_;
};

ValueType rows_of(const ValueType& type, std::int64_t rows) {
  return {type.dtype, Shape{rows, type.shape[1]}};
}

InnerProduct describe(const LinearProblem& problem, std::int64_t rows) {
  InnerProduct product{.x = onednn::descriptor(rows_of(problem.x, rows)),
                       .weight = onednn::descriptor(problem.weight),
                       .y = onednn::descriptor(rows_of(problem.y, rows)),
                       .bias = {},
                       .relu = problem.activation == Activation::relu};
  if (problem.has_bias) product.bias = onednn::descriptor({DType::float32, Shape{problem.weight.shape[0]}});
  return product;
}

using Find = std::optional<Implementation> (*)(const InnerProduct&);
using Arguments = std::vector<onednn::Argument> (*)(const Implementation&, const InnerProduct&);

Shards make_shards(const Stream& stream, const LinearProblem& problem, Find find, Arguments arguments) {
  const double flops =
      2.0 * static_cast<double>(problem.x.elements()) * static_cast<double>(problem.weight.shape[0]);
  return {stream, problem.x.shape[0], flops, [&](std::int64_t rows) -> std::optional<ShardOffer> {
            InnerProduct product = describe(problem, rows);
            const dnnl::memory::desc stored = product.weight;
            auto found = find(product);
            if (!found || found->is_reference()) {
              product.weight = onednn::any_layout(problem.weight.shape);
              found = find(product);
            }
            if (!found) return std::nullopt;
            return ShardOffer{*found, arguments(*found, product), stored};
          }};
}

const float* row(const void* matrix, const ValueType& type, std::int64_t index) {
  return static_cast<const float*>(matrix) + index * type.shape[1];
}

class Forward : public PreparedKernel<LinearArgs> {
 public:
  Forward(const Stream& stream, const LinearProblem& problem)
      : problem_(problem),
        shards_(make_shards(stream, problem, onednn::inner_product_forward,
                            [](const Implementation& found, const InnerProduct& product) {
                              std::vector<onednn::Argument> list{{DNNL_ARG_SRC, product.x},
                                                                 {DNNL_ARG_WEIGHTS, found.weight},
                                                                 {DNNL_ARG_DST, product.y}};
                              if (!product.bias.is_zero()) list.push_back({DNNL_ARG_BIAS, product.bias});
                              return list;
                            })),
        packing_(stream, shards_, WeightPacking::Direction::pack) {}
  bool complete() const { return shards_.complete(); }
  bool packs_weight() const override { return shards_.packs_weight(); }
  bool is_reference() const override { return shards_.is_reference(); }
  std::size_t scratch_bytes() const override {
    return packing_.packed_bytes() + std::max(shards_.scratch_bytes(), packing_.scratch_bytes());
  }
  void run(const Stream&, const LinearArgs& args) override {
    std::byte* rest = args.scratch + packing_.packed_bytes();
    const void* weight = packing_.pack(args.weight, args.scratch, rest);
    shards_.run(rest, [&](std::size_t i) {
      const std::int64_t begin = shards_.begin(i);
      return Pointers{{row(args.x, problem_.x, begin), weight, row(args.y, problem_.y, begin), args.bias},
                      std::size_t{problem_.has_bias ? 4U : 3U}};
    });
  }

 private:
  LinearProblem problem_;
  Shards shards_;
  WeightPacking packing_;
};

class BackwardData : public PreparedKernel<LinearBackwardDataArgs> {
 public:
  BackwardData(const Stream& stream, const LinearProblem& problem)
      : problem_(problem),
        shards_(make_shards(stream, problem, onednn::inner_product_backward_data,
                            [](const Implementation& found, const InnerProduct& product) {
                              return std::vector<onednn::Argument>{{DNNL_ARG_DIFF_DST, product.y},
                                                                   {DNNL_ARG_WEIGHTS, found.weight},
                                                                   {DNNL_ARG_DIFF_SRC, product.x}};
                            })),
        packing_(stream, shards_, WeightPacking::Direction::pack) {}
  bool complete() const { return shards_.complete(); }
  bool packs_weight() const override { return shards_.packs_weight(); }
  bool is_reference() const override { return shards_.is_reference(); }
  std::size_t scratch_bytes() const override {
    return packing_.packed_bytes() + std::max(shards_.scratch_bytes(), packing_.scratch_bytes());
  }
  void run(const Stream&, const LinearBackwardDataArgs& args) override {
    std::byte* rest = args.scratch + packing_.packed_bytes();
    const void* weight = packing_.pack(args.weight, args.scratch, rest);
    shards_.run(rest, [&](std::size_t i) {
      const std::int64_t begin = shards_.begin(i);
      return Pointers{{row(args.dy, problem_.y, begin), weight, row(args.dx, problem_.x, begin)}, 3};
    });
  }

 private:
  LinearProblem problem_;
  Shards shards_;
  WeightPacking packing_;
};

class BackwardWeights : public PreparedKernel<LinearBackwardWeightsArgs> {
 public:
  BackwardWeights(const Stream& stream, const LinearProblem& problem)
      : problem_(problem),
        shards_(make_shards(stream, problem, onednn::inner_product_backward_weights,
                            [](const Implementation& found, const InnerProduct& product) {
                              std::vector<onednn::Argument> list{{DNNL_ARG_SRC, product.x},
                                                                 {DNNL_ARG_DIFF_DST, product.y},
                                                                 {DNNL_ARG_DIFF_WEIGHTS, found.weight}};
                              if (!product.bias.is_zero()) list.push_back({DNNL_ARG_DIFF_BIAS, product.bias});
                              return list;
                            })),
        sum_(stream, shards_, problem.weight, problem.has_bias) {}
  bool complete() const { return shards_.complete(); }
  bool packs_weight() const override { return shards_.packs_weight(); }
  bool is_reference() const override { return shards_.is_reference(); }
  std::size_t scratch_bytes() const override {
    return sum_.scratch_bytes() + std::max(shards_.scratch_bytes(), sum_.rest_bytes());
  }
  void run(const Stream& stream, const LinearBackwardWeightsArgs& args) override {
    const GradientSum::Targets results{args.dweight, args.dbias};
    std::byte* rest = args.scratch + sum_.scratch_bytes();
    shards_.run(rest, [&](std::size_t i) {
      const GradientSum::Targets targets = sum_.targets(i, results, args.scratch);
      const std::int64_t begin = shards_.begin(i);
      return Pointers{
          {row(args.x, problem_.x, begin), row(args.dy, problem_.y, begin), targets.weight, targets.bias},
          std::size_t{problem_.has_bias ? 4U : 3U}};
    });
    sum_.finish(stream, results, args.scratch, rest);
  }

 private:
  LinearProblem problem_;
  Shards shards_;
  GradientSum sum_;
};

template <class Args, class Kernel, class Fallback>
std::unique_ptr<PreparedKernel<Args>> make(const Stream& stream, const LinearProblem& problem) {
  const bool empty = problem.x.elements() == 0 || problem.y.elements() == 0;
  if (problem.x.dtype == DType::float32 && !empty) {
    auto kernel = std::make_unique<Kernel>(stream, problem);
    if (kernel->complete()) return kernel;
  }
  require(empty || problem.weight.is_row_major(), "linear: expects a row-major weight, got ", problem.weight);
  return std::make_unique<Fallback>(problem);
}

Layout weight_layout(const Stream& stream, const ValueType& weight) {
  const Layout row_major = Layout::row_major(weight.shape);
  if (weight.dtype != DType::float32 || weight.elements() == 0) return row_major;
  constexpr std::int64_t kRows = 64;  // of a usual batch
  const onednn::ThreadCount threads(stream.threads);
  const auto found =
      onednn::inner_product_forward({.x = onednn::descriptor({DType::float32, Shape{kRows, weight.shape[1]}}),
                                     .weight = onednn::any_layout(weight.shape),
                                     .y = onednn::descriptor({DType::float32, Shape{kRows, weight.shape[0]}}),
                                     .bias = {}});
  if (!found || found->is_reference()) return row_major;
  return onednn::layout_of(found->weight).value_or(row_major);
}

const DeviceFunctionRegistrar kLayout(linear_weight_layout, DeviceKind::cpu, weight_layout);
const DeviceFunctionRegistrar kForward(linear_forward, DeviceKind::cpu,
                                       make<LinearArgs, Forward, ForwardLoops>);
const DeviceFunctionRegistrar kBackwardData(linear_backward_data, DeviceKind::cpu,
                                            make<LinearBackwardDataArgs, BackwardData, BackwardDataLoops>);
const DeviceFunctionRegistrar kBackwardWeights(
    linear_backward_weights, DeviceKind::cpu,
    make<LinearBackwardWeightsArgs, BackwardWeights, BackwardWeightsLoops>);

}  // namespace
}  // namespace slipway::cpu
