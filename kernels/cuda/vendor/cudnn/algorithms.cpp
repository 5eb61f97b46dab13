#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "kernels/cuda/vendor/cudnn/convolution.h"

// Which of cuDNN's algorithms can compute a convolution.
namespace slipway::cuda {
namespace {

constexpr std::size_t kMostWorkspace = std::size_t{256} << 20;

/// What the three directions call differently.
template <class Kind>
struct Direction;

template <>
struct Direction<cudnnConvolutionFwdAlgo_t> {
  using Performance = cudnnConvolutionFwdAlgoPerf_t;
  static constexpr std::array kNames{
      "implicit_gemm", "implicit_precomp_gemm", "gemm", "direct", "fft", "fft_tiling",
      "winograd",      "winograd_nonfused"};
  static_assert(kNames.size() == CUDNN_CONVOLUTION_FWD_ALGO_COUNT);
  static cudnnStatus_t find(cudnnHandle_t handle, const Convolution& c, int wanted, int* count,
                            Performance* results) {
    return cudnnGetConvolutionForwardAlgorithm_v7(handle, c.x(), c.weight(), c.window(), c.y(), wanted, count,
                                                  results);
  }
  static cudnnStatus_t workspace(cudnnHandle_t handle, const Convolution& c, cudnnConvolutionFwdAlgo_t kind,
                                 std::size_t* bytes) {
    return cudnnGetConvolutionForwardWorkspaceSize(handle, c.x(), c.weight(), c.window(), c.y(), kind, bytes);
  }
};

template <>
struct Direction<cudnnConvolutionBwdDataAlgo_t> {
  using Performance = cudnnConvolutionBwdDataAlgoPerf_t;
  static constexpr std::array kNames{"0", "1", "fft", "fft_tiling", "winograd", "winograd_nonfused"};
  static_assert(kNames.size() == CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT);
  static cudnnStatus_t find(cudnnHandle_t handle, const Convolution& c, int wanted, int* count,
                            Performance* results) {
    return cudnnGetConvolutionBackwardDataAlgorithm_v7(handle, c.weight(), c.y(), c.window(), c.x(), wanted,
                                                       count, results);
  }
  static cudnnStatus_t workspace(cudnnHandle_t handle, const Convolution& c,
                                 cudnnConvolutionBwdDataAlgo_t kind, std::size_t* bytes) {
    return cudnnGetConvolutionBackwardDataWorkspaceSize(handle, c.weight(), c.y(), c.window(), c.x(), kind,
                                                        bytes);
  }
};

template <>
struct Direction<cudnnConvolutionBwdFilterAlgo_t> {
  using Performance = cudnnConvolutionBwdFilterAlgoPerf_t;
  static constexpr std::array kNames{"0", "1", "fft", "3", "winograd", "winograd_nonfused", "fft_tiling"};
  static_assert(kNames.size() == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT);
  static cudnnStatus_t find(cudnnHandle_t handle, const Convolution& c, int wanted, int* count,
                            Performance* results) {
    return cudnnGetConvolutionBackwardFilterAlgorithm_v7(handle, c.x(), c.y(), c.window(), c.weight(), wanted,
                                                         count, results);
  }
  static cudnnStatus_t workspace(cudnnHandle_t handle, const Convolution& c,
                                 cudnnConvolutionBwdFilterAlgo_t kind, std::size_t* bytes) {
    return cudnnGetConvolutionBackwardFilterWorkspaceSize(handle, c.x(), c.y(), c.window(), c.weight(), kind,
                                                          bytes);
  }
};

/// float32 stays float32 unless the stream lets it be rounded.
bool keeps_float32(const Stream& stream, DType dtype) {
  return dtype == DType::float32 && stream.matrix_precision != MatrixPrecision::tf32;
}

/// Codes 3000 to 3999 tell in which way something is not supported.
bool is_unsupported(cudnnStatus_t status) { return status / 1000 == CUDNN_STATUS_NOT_SUPPORTED / 1000; }

}  // namespace

template <class Kind>
std::vector<ConvolutionAlgorithm<Kind>> find_algorithms(const Stream& stream, CudnnHandle& handle,
                                                        const Conv2dProblem& problem) {
  using Of = Direction<Kind>;
  Convolution convolution(problem);
  const bool float32 = keeps_float32(stream, problem.x.dtype);
  convolution.set_math(float32 ? CUDNN_FMA_MATH : CUDNN_TENSOR_OP_MATH);
  const CudnnHandle::Use use = handle.in(stream);
  std::array<typename Of::Performance, 2 * Of::kNames.size()> results{};  // by algorithm and type of math
  int count = 0;
  const cudnnStatus_t status =
      Of::find(use, convolution, static_cast<int>(results.size()), &count, results.data());
  if (is_unsupported(status)) return {};
  expect_success(status, "cudnnGetConvolution...Algorithm_v7");

  std::vector<ConvolutionAlgorithm<Kind>> found;
  for (int i = 0; i < count; ++i) {
    const auto& result = results[static_cast<std::size_t>(i)];
    if (result.status != CUDNN_STATUS_SUCCESS || result.determinism != CUDNN_DETERMINISTIC) continue;
    ConvolutionAlgorithm<Kind> algorithm{.kind = result.algo,
                                         .math = float32 ? CUDNN_FMA_MATH : result.mathType,
                                         .name = text("cudnn ", Of::kNames[result.algo])};
    const bool known = std::any_of(found.begin(), found.end(),
                                   [&](const auto& other) { return other.kind == algorithm.kind; });
    if (known) continue;
    convolution.set_math(algorithm.math);
    if (Of::workspace(use, convolution, algorithm.kind, &algorithm.workspace) != CUDNN_STATUS_SUCCESS) {
      continue;
    }
    if (algorithm.workspace <= kMostWorkspace) found.push_back(std::move(algorithm));
  }
  return found;
}

template std::vector<ConvolutionAlgorithm<cudnnConvolutionFwdAlgo_t>> find_algorithms(const Stream&,
                                                                                      CudnnHandle&,
                                                                                      const Conv2dProblem&);
template std::vector<ConvolutionAlgorithm<cudnnConvolutionBwdDataAlgo_t>> find_algorithms(
    const Stream&, CudnnHandle&, const Conv2dProblem&);
template std::vector<ConvolutionAlgorithm<cudnnConvolutionBwdFilterAlgo_t>> find_algorithms(
    const Stream&, CudnnHandle&, const Conv2dProblem&);

}  // namespace slipway::cuda
