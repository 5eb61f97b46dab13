#include "kernels/conv2d.h"

#include "kernels/cuda/bias_gradient.h"
#include "kernels/cuda/choice.h"
#include "kernels/cuda/conv2d_depthwise.h"
#include "kernels/cuda/conv2d_operands.cuh"
#include "kernels/cuda/product.cuh"

namespace slipway::cuda {
namespace {

/// What the three products have in common.
template <class Args>
class ImplicitProduct : public PreparedKernel<Args> {
 public:
  ImplicitProduct(const Stream& stream, const Conv2dProblem& problem, const ProductSizes& sizes)
      : problem_(problem), geometry_(problem), plan_(sizes, problem.x.dtype, stream.matrix_precision) {}
  std::size_t scratch_bytes() const override { return plan_.scratch_bytes(); }

 protected:
  Conv2dProblem problem_;
  Conv2dGeometry geometry_;
  ProductPlan plan_;
};

// y[n, o, h, w] = activation(Σ_{i, p, q} weight[o, i, p, q] x[n, i, h s + p d - pad, ...] + bias[o] +
// residual[n, o, h, w])
class Forward : public ImplicitProduct<Conv2dArgs> {
 public:
  Forward(const Stream& stream, const Conv2dProblem& problem)
      : ImplicitProduct(stream, problem, sizes(Conv2dGeometry(problem))) {}
  static ProductSizes sizes(const Conv2dGeometry& g) {
    return {
        .batch = g.groups, .m = g.group_out, .n = g.batch * g.out_plane, .k = g.group_in * g.kernel_plane};
  }
  void run(const Stream& stream, const Conv2dArgs& args) override {
    const Conv2dGeometry& g = geometry_;
    visit_float(problem_.x.dtype, "conv2d_forward", [&]<class T>() {
      const std::int64_t taps = g.group_in * g.kernel_plane;
      run_product<T>(stream, plan_,
                     Matrix<T, true>{static_cast<const T*>(args.weight), taps, g.group_out * taps},
                     InputWindows<T, false>{static_cast<const T*>(args.x), g},
                     ImageResult<T>{static_cast<T*>(args.y), g.group_out, g.groups * g.group_out, g.out_plane,
                                    g.by_out_plane, static_cast<const T*>(args.bias),
                                    static_cast<const T*>(args.residual), problem_.activation},
                     args.scratch);
    });
  }
};

// dx[n, i, h, w] = Σ_{o, p, q} weight[o, i, p, q] dy[n, o, (h + pad - p d) / s, ...] where that is a pixel
class BackwardData : public ImplicitProduct<Conv2dBackwardDataArgs> {
 public:
  BackwardData(const Stream& stream, const Conv2dProblem& problem)
      : ImplicitProduct(stream, problem, sizes(Conv2dGeometry(problem))) {}
  static ProductSizes sizes(const Conv2dGeometry& g) {
    return {.batch = g.groups, .m = g.group_in, .n = g.batch * g.in_plane, .k = g.group_out * g.kernel_plane};
  }
  void run(const Stream& stream, const Conv2dBackwardDataArgs& args) override {
    const Conv2dGeometry& g = geometry_;
    visit_float(problem_.x.dtype, "conv2d_backward_data", [&]<class T>() {
      run_product<T>(stream, plan_, WeightByInput<T>{static_cast<const T*>(args.weight), g},
                     OutputWindows<T>{static_cast<const T*>(args.dy), g},
                     ImageResult<T>{static_cast<T*>(args.dx), g.group_in, g.groups * g.group_in, g.in_plane,
                                    g.by_in_plane},
                     args.scratch);
    });
  }
};

// dweight[o, i, p, q] = Σ_{n, h, w} dy[n, o, h, w] x[n, i, h s + p d - pad, ...];  dbias[o] = Σ_{n, h, w}
// dy[n, o, h, w]
class BackwardWeights : public ImplicitProduct<Conv2dBackwardWeightsArgs> {
 public:
  BackwardWeights(const Stream& stream, const Conv2dProblem& problem)
      : ImplicitProduct(stream, problem, sizes(Conv2dGeometry(problem))), bias_gradient_(problem.y) {}
  std::size_t scratch_bytes() const override {
    return std::max(plan_.scratch_bytes(), bias_gradient_.scratch_bytes());
  }
  static ProductSizes sizes(const Conv2dGeometry& g) {
    return {
        .batch = g.groups, .m = g.group_out, .n = g.group_in * g.kernel_plane, .k = g.batch * g.out_plane};
  }
  void run(const Stream& stream, const Conv2dBackwardWeightsArgs& args) override {
    const Conv2dGeometry& g = geometry_;
    visit_float(problem_.x.dtype, "conv2d_backward_weights", [&]<class T>() {
      run_product<T>(stream, plan_, OutputPixels<T>{static_cast<const T*>(args.dy), g},
                     InputWindows<T, true>{static_cast<const T*>(args.x), g},
                     DenseResult<T>{static_cast<T*>(args.dweight), g.group_out, g.group_in * g.kernel_plane},
                     args.scratch);
    });
    if (args.dbias) bias_gradient_.run(stream, args.dy, args.dbias, args.scratch);
  }

 private:
  BiasGradient bias_gradient_;
};

template <class Args>
struct OurKernels {
  const char* name;
  std::unique_ptr<PreparedKernel<Args>> (*depthwise)(const Conv2dProblem&);
  std::unique_ptr<PreparedKernel<Args>> (*product)(const Stream&, const Conv2dProblem&);
};

template <class Args, class Kernel>
std::unique_ptr<PreparedKernel<Args>> implicit_product(const Stream& stream, const Conv2dProblem& problem) {
  return std::make_unique<Kernel>(stream, problem);
}

template <class Args>
std::unique_ptr<PreparedKernel<Args>> make(const OurKernels<Args>& ours, const Stream& stream,
                                           const Conv2dProblem& problem) {
  require(problem.x.is_row_major() && problem.weight.is_row_major() && problem.y.is_row_major(),
          "conv2d: expects row-major values, got ", problem.x, ", ", problem.weight, " and ", problem.y);
  return choose<Args>(stream, ours.name, problem,
                      is_depthwise(problem) ? ours.depthwise(problem) : ours.product(stream, problem));
}

std::unique_ptr<PreparedKernel<Conv2dArgs>> forward(const Stream& stream, const Conv2dProblem& problem) {
  return make<Conv2dArgs>({conv2d_forward.name(), depthwise_forward, implicit_product<Conv2dArgs, Forward>},
                          stream, problem);
}
std::unique_ptr<PreparedKernel<Conv2dBackwardDataArgs>> backward_data(const Stream& stream,
                                                                      const Conv2dProblem& problem) {
  return make<Conv2dBackwardDataArgs>({conv2d_backward_data.name(), depthwise_backward_data,
                                       implicit_product<Conv2dBackwardDataArgs, BackwardData>},
                                      stream, problem);
}
std::unique_ptr<PreparedKernel<Conv2dBackwardWeightsArgs>> backward_weights(const Stream& stream,
                                                                            const Conv2dProblem& problem) {
  return make<Conv2dBackwardWeightsArgs>({conv2d_backward_weights.name(), depthwise_backward_weights,
                                          implicit_product<Conv2dBackwardWeightsArgs, BackwardWeights>},
                                         stream, problem);
}

Conv2dLayouts layouts(const Stream&, const Conv2dProblem& problem) {
  return {Layout::row_major(problem.x.shape), Layout::row_major(problem.weight.shape),
          Layout::row_major(problem.y.shape)};
}

const DeviceFunctionRegistrar kLayouts(conv2d_layouts, DeviceKind::cuda, layouts);
const DeviceFunctionRegistrar kForward(conv2d_forward, DeviceKind::cuda, forward);
const DeviceFunctionRegistrar kBackwardData(conv2d_backward_data, DeviceKind::cuda, backward_data);
const DeviceFunctionRegistrar kBackwardWeights(conv2d_backward_weights, DeviceKind::cuda, backward_weights);

}  // namespace
}  // namespace slipway::cuda
