#include "kernels/conv2d.h"

#include "kernels/cuda/channel_sums.cuh"
#include "kernels/cuda/conv2d_depthwise.h"
#include "kernels/cuda/conv2d_operands.cuh"
#include "kernels/cuda/product.cuh"

namespace slipway::cuda {
namespace {

/// What the three products have in common.
template <class Args>
class ImplicitProduct : public PreparedKernel<Args> {
 public:
  ImplicitProduct(const Conv2dProblem& problem, const ProductSizes& sizes)
      : problem_(problem), geometry_(problem), plan_(sizes, problem.x.dtype) {}
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
  explicit Forward(const Conv2dProblem& problem) : ImplicitProduct(problem, sizes(Conv2dGeometry(problem))) {}
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
  explicit BackwardData(const Conv2dProblem& problem)
      : ImplicitProduct(problem, sizes(Conv2dGeometry(problem))) {}
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
  explicit BackwardWeights(const Conv2dProblem& problem)
      : ImplicitProduct(problem, sizes(Conv2dGeometry(problem))), bias_parts_(bias_parts(geometry_)) {}
  std::size_t scratch_bytes() const override {
    return std::max(plan_.scratch_bytes(), channel_sums_bytes(bias_parts_, problem_.x.dtype));
  }
  static ProductSizes sizes(const Conv2dGeometry& g) {
    return {
        .batch = g.groups, .m = g.group_out, .n = g.group_in * g.kernel_plane, .k = g.batch * g.out_plane};
  }
  void run(const Stream& stream, const Conv2dBackwardWeightsArgs& args) override {
    const Conv2dGeometry& g = geometry_;
    visit_float(problem_.x.dtype, "conv2d_backward_weights", [&]<class T>() {
      const T* dy = static_cast<const T*>(args.dy);
      run_product<T>(stream, plan_, OutputPixels<T>{dy, g},
                     InputWindows<T, true>{static_cast<const T*>(args.x), g},
                     DenseResult<T>{static_cast<T*>(args.dweight), g.group_out, g.group_in * g.kernel_plane},
                     args.scratch);
      if (args.dbias) channel_sums(stream, bias_parts_, dy, static_cast<T*>(args.dbias), args.scratch);
    });
  }

 private:
  ChannelParts bias_parts_;
};

template <class Args, class Kernel, std::unique_ptr<PreparedKernel<Args>> (*depthwise)(const Conv2dProblem&)>
std::unique_ptr<PreparedKernel<Args>> make(const Stream&, const Conv2dProblem& problem) {
  require(problem.x.is_row_major() && problem.weight.is_row_major() && problem.y.is_row_major(),
          "conv2d: expects row-major values, got ", problem.x, ", ", problem.weight, " and ", problem.y);
  if (is_depthwise(problem)) return depthwise(problem);
  return std::make_unique<Kernel>(problem);
}

Conv2dLayouts layouts(const Stream&, const Conv2dProblem& problem) {
  return {Layout::row_major(problem.x.shape), Layout::row_major(problem.weight.shape),
          Layout::row_major(problem.y.shape)};
}

const DeviceFunctionRegistrar kLayouts(conv2d_layouts, DeviceKind::cuda, layouts);
const DeviceFunctionRegistrar kForward(conv2d_forward, DeviceKind::cuda,
                                       make<Conv2dArgs, Forward, depthwise_forward>);
const DeviceFunctionRegistrar kBackwardData(
    conv2d_backward_data, DeviceKind::cuda,
    make<Conv2dBackwardDataArgs, BackwardData, depthwise_backward_data>);
const DeviceFunctionRegistrar kBackwardWeights(
    conv2d_backward_weights, DeviceKind::cuda,
    make<Conv2dBackwardWeightsArgs, BackwardWeights, depthwise_backward_weights>);

}  // namespace
}  // namespace slipway::cuda
