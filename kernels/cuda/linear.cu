#include "kernels/linear.h"

#include "kernels/cuda/channel_sums.cuh"
#include "kernels/cuda/product.cuh"

namespace slipway::cuda {
namespace {

struct Sizes {
  explicit Sizes(const LinearProblem& problem)
      : rows(problem.x.shape[0]), in(problem.x.shape[1]), out(problem.weight.shape[0]) {}
  std::int64_t rows, in, out;
};

/// What the three products have in common.
template <class Args>
class TiledLinear : public PreparedKernel<Args> {
 public:
  TiledLinear(const LinearProblem& problem, const ProductSizes& product)
      : problem_(problem), sizes_(problem), plan_(product, problem.x.dtype) {}
  std::size_t scratch_bytes() const override { return plan_.scratch_bytes(); }

 protected:
  LinearProblem problem_;
  Sizes sizes_;
  ProductPlan plan_;
};

// y[r, o] = activation(Σ_i x[r, i] weight[o, i] + bias[o])
class Forward : public TiledLinear<LinearArgs> {
 public:
  explicit Forward(const LinearProblem& problem)
      : TiledLinear(problem, {.m = Sizes(problem).rows, .n = Sizes(problem).out, .k = Sizes(problem).in}) {}
  void run(const Stream& stream, const LinearArgs& args) override {
    visit_float(problem_.x.dtype, "linear_forward", [&]<class T>() {
      run_product<T>(stream, plan_, Matrix<T, true>{static_cast<const T*>(args.x), sizes_.in},
                     Matrix<T, true>{static_cast<const T*>(args.weight), sizes_.in},
                     DenseResult<T>{static_cast<T*>(args.y), sizes_.rows, sizes_.out,
                                    static_cast<const T*>(args.bias), problem_.activation},
                     args.scratch);
    });
  }
};

// dx[r, i] = Σ_o dy[r, o] weight[o, i]
class BackwardData : public TiledLinear<LinearBackwardDataArgs> {
 public:
  explicit BackwardData(const LinearProblem& problem)
      : TiledLinear(problem, {.m = Sizes(problem).rows, .n = Sizes(problem).in, .k = Sizes(problem).out}) {}
  void run(const Stream& stream, const LinearBackwardDataArgs& args) override {
    visit_float(problem_.x.dtype, "linear_backward_data", [&]<class T>() {
      run_product<T>(stream, plan_, Matrix<T, true>{static_cast<const T*>(args.dy), sizes_.out},
                     Matrix<T, false>{static_cast<const T*>(args.weight), sizes_.in},
                     DenseResult<T>{static_cast<T*>(args.dx), sizes_.rows, sizes_.in}, args.scratch);
    });
  }
};

// dweight[o, i] = Σ_r dy[r, o] x[r, i];  dbias[o] = Σ_r dy[r, o]
class BackwardWeights : public TiledLinear<LinearBackwardWeightsArgs> {
 public:
  explicit BackwardWeights(const LinearProblem& problem)
      : TiledLinear(problem, {.m = Sizes(problem).out, .n = Sizes(problem).in, .k = Sizes(problem).rows}),
        bias_parts_(sizes_.rows, sizes_.out, 1) {}
  std::size_t scratch_bytes() const override {
    return std::max(plan_.scratch_bytes(), channel_sums_bytes(bias_parts_, problem_.x.dtype));
  }
  void run(const Stream& stream, const LinearBackwardWeightsArgs& args) override {
    visit_float(problem_.x.dtype, "linear_backward_weights", [&]<class T>() {
      const T* dy = static_cast<const T*>(args.dy);
      run_product<T>(stream, plan_, Matrix<T, false>{dy, sizes_.out},
                     Matrix<T, false>{static_cast<const T*>(args.x), sizes_.in},
                     DenseResult<T>{static_cast<T*>(args.dweight), sizes_.out, sizes_.in}, args.scratch);
      if (args.dbias) channel_sums(stream, bias_parts_, dy, static_cast<T*>(args.dbias), args.scratch);
    });
  }

 private:
  ChannelParts bias_parts_;
};

template <class Args, class Kernel>
std::unique_ptr<PreparedKernel<Args>> make(const Stream&, const LinearProblem& problem) {
  return std::make_unique<Kernel>(problem);
}

Layout weight_layout(const Stream&, const ValueType& weight) { return Layout::row_major(weight.shape); }

const DeviceFunctionRegistrar kLayout(linear_weight_layout, DeviceKind::cuda, weight_layout);
const DeviceFunctionRegistrar kForward(linear_forward, DeviceKind::cuda, make<LinearArgs, Forward>);
const DeviceFunctionRegistrar kBackwardData(linear_backward_data, DeviceKind::cuda,
                                            make<LinearBackwardDataArgs, BackwardData>);
const DeviceFunctionRegistrar kBackwardWeights(linear_backward_weights, DeviceKind::cuda,
                                               make<LinearBackwardWeightsArgs, BackwardWeights>);

}  // namespace
}  // namespace slipway::cuda
