#include "kernels/cuda/vendor/offers.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "kernels/cuda/bias_gradient.h"
#include "kernels/cuda/vendor/cudnn/convolution.h"

// Convolutions by cuDNN's calls of version 7, which are few, and in version 9 still.
namespace slipway::cuda {
namespace {

using Activations = std::unique_ptr<cudnnActivationStruct, Destroy<cudnnDestroyActivationDescriptor>>;

/// What the kernels have in common.
template <class Args, class Kind>
class CudnnKernel : public PreparedKernel<Args> {
 public:
  CudnnKernel(std::shared_ptr<CudnnHandle> handle, const Conv2dProblem& problem,
              ConvolutionAlgorithm<Kind> algorithm)
      : handle_(std::move(handle)),
        problem_(problem),
        convolution_(problem),
        algorithm_(std::move(algorithm)) {
    convolution_.set_math(algorithm_.math);
  }
  std::size_t scratch_bytes() const override { return scratch_for(algorithm_.workspace); }

 protected:
  std::shared_ptr<CudnnHandle> handle_;
  Conv2dProblem problem_;
  Convolution convolution_;
  ConvolutionAlgorithm<Kind> algorithm_;
};

bool has_epilogue(const Conv2dProblem& problem) {
  return problem.has_bias || problem.has_residual || problem.activation != Activation::none;
}

Activations make_activation(Activation activation) {
  cudnnActivationDescriptor_t made = nullptr;
  expect_success(cudnnCreateActivationDescriptor(&made), "cudnnCreateActivationDescriptor");
  Activations owned(made);
  expect_success(cudnnSetActivationDescriptor(
                     made, activation == Activation::relu ? CUDNN_ACTIVATION_RELU : CUDNN_ACTIVATION_IDENTITY,
                     CUDNN_NOT_PROPAGATE_NAN, 0),
                 "cudnnSetActivationDescriptor");
  return owned;
}

// y = activation(conv(x, weight) + bias + residual)
class Forward : public CudnnKernel<Conv2dArgs, cudnnConvolutionFwdAlgo_t> {
 public:
  Forward(std::shared_ptr<CudnnHandle> handle, const Conv2dProblem& problem,
          ConvolutionAlgorithm<cudnnConvolutionFwdAlgo_t> algorithm)
      : CudnnKernel(std::move(handle), problem, std::move(algorithm)) {
    if (has_epilogue(problem)) activation_ = make_activation(problem.activation);
  }
  /// "CUDNN_ACTIVATION_IDENTITY must use CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM."
  static bool applies(const Conv2dProblem& problem, cudnnConvolutionFwdAlgo_t kind) {
    return !has_epilogue(problem) || problem.activation == Activation::relu ||
           kind == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
  }
  std::size_t scratch_bytes() const override { return zeros_offset() + zeros_bytes(); }
  void run(const Stream& stream, const Conv2dArgs& args) override {
    const CudnnHandle::Use use = handle_->in(stream);
    const Convolution& c = convolution_;
    void* workspace = workspace_in(args.scratch, algorithm_.workspace);
    if (!activation_) {
      expect_success(
          cudnnConvolutionForward(use, c.one(), c.x(), args.x, c.weight(), args.weight, c.window(),
                                  algorithm_.kind, workspace, algorithm_.workspace, c.zero(), c.y(), args.y),
          "cudnnConvolutionForward");
      return;
    }
    const void* bias = args.bias ? args.bias : zeros(stream, args.scratch + zeros_offset());
    // Without a residual, any array of its type stands in its place, times zero.
    const bool adds = problem_.has_residual;
    expect_success(cudnnConvolutionBiasActivationForward(
                       use, c.one(), c.x(), args.x, c.weight(), args.weight, c.window(), algorithm_.kind,
                       workspace, algorithm_.workspace, adds ? c.one() : c.zero(), c.y(),
                       adds ? args.residual : args.y, c.bias(), bias, activation_.get(), c.y(), args.y),
                   "cudnnConvolutionBiasActivationForward");
  }

 private:
  /// Where there is none, cuDNN wants a bias all the same.
  std::size_t zeros_bytes() const {
    const bool wanted = has_epilogue(problem_) && !problem_.has_bias;
    return wanted ? static_cast<std::size_t>(problem_.weight.shape[0]) * size_of(problem_.x.dtype) : 0;
  }
  std::size_t zeros_offset() const {
    return (scratch_for(algorithm_.workspace) + kWorkspaceAlignment - 1) / kWorkspaceAlignment *
           kWorkspaceAlignment;
  }
  const void* zeros(const Stream& stream, std::byte* place) const {
    const cudaError_t status =
        cudaMemsetAsync(place, 0, zeros_bytes(), static_cast<cudaStream_t>(stream.native));
    require(status == cudaSuccess, to_string(stream.device),
            ": cudaMemsetAsync: ", cudaGetErrorString(status));
    return place;
  }

  Activations activation_;
};

// dx = conv(dy, weight) turned round
class BackwardData : public CudnnKernel<Conv2dBackwardDataArgs, cudnnConvolutionBwdDataAlgo_t> {
 public:
  using CudnnKernel::CudnnKernel;
  static bool applies(const Conv2dProblem&, cudnnConvolutionBwdDataAlgo_t) { return true; }
  void run(const Stream& stream, const Conv2dBackwardDataArgs& args) override {
    const CudnnHandle::Use use = handle_->in(stream);
    const Convolution& c = convolution_;
    expect_success(
        cudnnConvolutionBackwardData(use, c.one(), c.weight(), args.weight, c.y(), args.dy, c.window(),
                                     algorithm_.kind, workspace_in(args.scratch, algorithm_.workspace),
                                     algorithm_.workspace, c.zero(), c.x(), args.dx),
        "cudnnConvolutionBackwardData");
  }
};

// dweight = the correlation of dy and x;  dbias = the sums of dy's channels, by our kernel
class BackwardWeights : public CudnnKernel<Conv2dBackwardWeightsArgs, cudnnConvolutionBwdFilterAlgo_t> {
 public:
  BackwardWeights(std::shared_ptr<CudnnHandle> handle, const Conv2dProblem& problem,
                  ConvolutionAlgorithm<cudnnConvolutionBwdFilterAlgo_t> algorithm)
      : CudnnKernel(std::move(handle), problem, std::move(algorithm)), bias_gradient_(problem.y) {}
  static bool applies(const Conv2dProblem&, cudnnConvolutionBwdFilterAlgo_t) { return true; }
  std::size_t scratch_bytes() const override {
    return std::max(CudnnKernel::scratch_bytes(), bias_gradient_.scratch_bytes());
  }
  void run(const Stream& stream, const Conv2dBackwardWeightsArgs& args) override {
    {
      const CudnnHandle::Use use = handle_->in(stream);
      const Convolution& c = convolution_;
      expect_success(
          cudnnConvolutionBackwardFilter(use, c.one(), c.x(), args.x, c.y(), args.dy, c.window(),
                                         algorithm_.kind, workspace_in(args.scratch, algorithm_.workspace),
                                         algorithm_.workspace, c.zero(), c.weight(), args.dweight),
          "cudnnConvolutionBackwardFilter");
    }
    if (args.dbias) bias_gradient_.run(stream, args.dy, args.dbias, args.scratch);
  }

 private:
  BiasGradient bias_gradient_;
};

template <class Kernel, class Kind, class Args>
void add_algorithms(const Stream& stream, const Conv2dProblem& problem, Offers<Args>& offers) {
  if (!Convolution::describes(problem)) return;
  const auto handle = handle_of<CudnnHandle>(stream.device);
  for (auto& algorithm : find_algorithms<Kind>(stream, *handle, problem)) {
    if (!Kernel::applies(problem, algorithm.kind)) continue;
    const std::string name = algorithm.name;
    offers.push_back({name, std::make_unique<Kernel>(handle, problem, std::move(algorithm))});
  }
}

}  // namespace

void add_offers(const Stream& stream, const Conv2dProblem& problem, Offers<Conv2dArgs>& offers) {
  add_algorithms<Forward, cudnnConvolutionFwdAlgo_t>(stream, problem, offers);
}
void add_offers(const Stream& stream, const Conv2dProblem& problem, Offers<Conv2dBackwardDataArgs>& offers) {
  add_algorithms<BackwardData, cudnnConvolutionBwdDataAlgo_t>(stream, problem, offers);
}
void add_offers(const Stream& stream, const Conv2dProblem& problem,
                Offers<Conv2dBackwardWeightsArgs>& offers) {
  add_algorithms<BackwardWeights, cudnnConvolutionBwdFilterAlgo_t>(stream, problem, offers);
}

}  // namespace slipway::cuda
