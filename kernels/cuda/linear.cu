#include "kernels/linear.h"

#include "kernels/cuda/bias_gradient.h"
#include "kernels/cuda/choice.h"
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
  TiledLinear(const Stream& stream, const LinearProblem& problem, const ProductSizes& product)
      : problem_(problem), sizes_(problem), plan_(product, problem.x.dtype, stream.matrix_precision) {}
  std::size_t scratch_bytes() const override { return plan_.scratch_bytes(); }

 protected:
  LinearProblem problem_;
  Sizes sizes_;
  ProductPlan plan_;
};

// y[r, o] = activation(Σ_i x[r, i] weight[o, i] + bias[o])
class Forward : public TiledLinear<LinearArgs> {
 public:
  Forward(const Stream& stream, const LinearProblem& problem)
      : TiledLinear(stream, problem,
                    {.m = Sizes(problem).rows, .n = Sizes(problem).out, .k = Sizes(problem).in}) {}
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
  BackwardData(const Stream& stream, const LinearProblem& problem)
      : TiledLinear(stream, problem,
                    {.m = Sizes(problem).rows, .n = Sizes(problem).in, .k = Sizes(problem).out}) {}
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
  BackwardWeights(const Stream& stream, const LinearProblem& problem)
      : TiledLinear(stream, problem,
                    {.m = Sizes(problem).out, .n = Sizes(problem).in, .k = Sizes(problem).rows}),
        bias_gradient_(problem.y) {}
  std::size_t scratch_bytes() const override {
    return std::max(plan_.scratch_bytes(), bias_gradient_.scratch_bytes());
  }
  void run(const Stream& stream, const LinearBackwardWeightsArgs& args) override {
    visit_float(problem_.x.dtype, "linear_backward_weights", [&]<class T>() {
      run_product<T>(stream, plan_, Matrix<T, false>{static_cast<const T*>(args.dy), sizes_.out},
                     Matrix<T, false>{static_cast<const T*>(args.x), sizes_.in},
                     DenseResult<T>{static_cast<T*>(args.dweight), sizes_.out, sizes_.in}, args.scratch);
    });
    if (args.dbias) bias_gradient_.run(stream, args.dy, args.dbias, args.scratch);
  }

 private:
  BiasGradient bias_gradient_;
};

template <class Args, class Kernel>
std::unique_ptr<PreparedKernel<Args>> make(const Stream& stream, const LinearProblem& problem,
                                           const char* name) {
  return choose<Args>(stream, name, problem, std::make_unique<Kernel>(stream, problem));
}

std::unique_ptr<PreparedKernel<LinearArgs>> forward(const Stream& stream, const LinearProblem& problem) {
  return make<LinearArgs, Forward>(stream, problem, linear_forward.name());
}
std::unique_ptr<PreparedKernel<LinearBackwardDataArgs>> backward_data(const Stream& stream,
                                                                      const LinearProblem& problem) {
  return make<LinearBackwardDataArgs, BackwardData>(stream, problem, linear_backward_data.name());
}
std::unique_ptr<PreparedKernel<LinearBackwardWeightsArgs>> backward_weights(const Stream& stream,
                                                                            const LinearProblem& problem) {
  return make<LinearBackwardWeightsArgs, BackwardWeights>(stream, problem, linear_backward_weights.name());
}

Layout weight_layout(const Stream&, const ValueType& weight) { return Layout::row_major(weight.shape); }

const DeviceFunctionRegistrar kLayout(linear_weight_layout, DeviceKind::cuda, weight_layout);
const DeviceFunctionRegistrar kForward(linear_forward, DeviceKind::cuda, forward);
const DeviceFunctionRegistrar kBackwardData(linear_backward_data, DeviceKind::cuda, backward_data);
const DeviceFunctionRegistrar kBackwardWeights(linear_backward_weights, DeviceKind::cuda, backward_weights);

}  // namespace
}  // namespace slipway::cuda
