#pragma once

#include <cudnn.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kernels/conv2d.h"
#include "kernels/cuda/vendor/handle.h"

namespace slipway::cuda {

/// Error unless a call of cuDNN succeeded.
void expect_success(cudnnStatus_t status, const char* call);

/// cuDNN on one device.
class CudnnHandle {
 public:
  explicit CudnnHandle(Device device);

  /// The handle, in a stream, for one thread while this lives.
  class Use {
   public:
    Use(std::unique_lock<std::mutex> lock, cudnnHandle_t handle) : lock_(std::move(lock)), handle_(handle) {}
    operator cudnnHandle_t() const { return handle_; }

   private:
    std::unique_lock<std::mutex> lock_;
    cudnnHandle_t handle_;
  };
  Use in(const Stream& stream);

 private:
  std::mutex mutex_;
  std::unique_ptr<cudnnContext, Destroy<cudnnDestroy>> handle_;
};

/// A convolution as cuDNN describes it. Row-major images and weights.
class Convolution {
 public:
  /// Whether cuDNN can describe it: it pads both ends alike, and counts in 32 bits.
  static bool describes(const Conv2dProblem& problem);

  explicit Convolution(const Conv2dProblem& problem);
  void set_math(cudnnMathType_t math);

  cudnnTensorDescriptor_t x() const { return x_.get(); }
  cudnnTensorDescriptor_t y() const { return y_.get(); }
  cudnnFilterDescriptor_t weight() const { return weight_.get(); }
  cudnnConvolutionDescriptor_t window() const { return window_.get(); }
  cudnnTensorDescriptor_t bias() const { return bias_.get(); }

  /// Factors of results and of what was there before, in the type of sums.
  const void* one() const { return double_ ? static_cast<const void*>(&kDoubleOne) : &kOne; }
  const void* zero() const { return double_ ? static_cast<const void*>(&kDoubleZero) : &kZero; }

 private:
  using Tensor4d = std::unique_ptr<cudnnTensorStruct, Destroy<cudnnDestroyTensorDescriptor>>;
  static constexpr float kOne = 1, kZero = 0;
  static constexpr double kDoubleOne = 1, kDoubleZero = 0;

  Tensor4d x_, y_, bias_;
  std::unique_ptr<cudnnFilterStruct, Destroy<cudnnDestroyFilterDescriptor>> weight_;
  std::unique_ptr<cudnnConvolutionStruct, Destroy<cudnnDestroyConvolutionDescriptor>> window_;
  bool double_;
};

/// One of cuDNN's algorithms for a convolution. `Kind` is its enumeration for a direction.
template <class Kind>
struct ConvolutionAlgorithm {
  Kind kind{};
  cudnnMathType_t math = CUDNN_DEFAULT_MATH;
  std::size_t workspace = 0;
  std::string name;
};

/// Those that give the same bits in every run and need at most 256 MiB, the presumably fastest first. For
/// cudnnConvolutionFwdAlgo_t, cudnnConvolutionBwdDataAlgo_t and cudnnConvolutionBwdFilterAlgo_t.
template <class Kind>
std::vector<ConvolutionAlgorithm<Kind>> find_algorithms(const Stream& stream, CudnnHandle& handle,
                                                        const Conv2dProblem& problem);

}  // namespace slipway::cuda
