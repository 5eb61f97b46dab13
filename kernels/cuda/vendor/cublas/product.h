#pragma once

#include <cublasLt.h>

#include <memory>

#include "kernels/activation.h"
#include "kernels/cuda/vendor/handle.h"
#include "kernels/matrix_product.h"

namespace slipway::cuda {

/// cuBLASLt on one device. Threads may share it.
class LtHandle {
 public:
  explicit LtHandle(Device device);
  cublasLtHandle_t get() const { return handle_.get(); }

 private:
  std::unique_ptr<cublasLtContext, Destroy<cublasLtDestroy>> handle_;
};

/// What happens along with a product y = a b.
enum class LtBias : std::uint8_t {
  none,
  added,    // y = activation(a b + bias[column])
  gradient  // bias[row] = the sum of a's row
};

struct LtOptions {
  MatrixProductProblem product;
  LtBias bias = LtBias::none;
  Activation activation = Activation::none;
};

struct LtArrays {
  const void* a;
  const void* b;
  void* bias;  // read or written, see LtBias
  void* y;
  std::byte* scratch;
};

/// Products of row-major matrices by cuBLASLt. The algorithm is found when it is made; sums are in float32
/// for 16-bit factors, and split sums in an order of their own, so that every run gives the same bits.
class LtProduct {
 public:
  /// Null if cuBLASLt has no algorithm for it.
  static std::unique_ptr<LtProduct> find(const Stream& stream, const LtOptions& options);

  std::size_t scratch_bytes() const { return scratch_for(workspace_bytes_); }
  void run(const Stream& stream, const LtArrays& arrays);

 private:
  using Layout = std::unique_ptr<cublasLtMatrixLayoutOpaque_t, Destroy<cublasLtMatrixLayoutDestroy>>;

  LtProduct(const Stream& stream, const LtOptions& options);
  bool find_algorithm(const Stream& stream);
  template <class Value>
  void set(cublasLtMatmulDescAttributes_t attribute, const Value& value);

  std::shared_ptr<LtHandle> handle_;
  std::unique_ptr<cublasLtMatmulDescOpaque_t, Destroy<cublasLtMatmulDescDestroy>> operation_;
  Layout a_, b_, y_;  // as cuBLASLt sees them, column-major: our b is its first factor
  cublasLtMatmulAlgo_t algorithm_{};
  std::size_t workspace_bytes_ = 0;
  bool double_scale_ = false;
  bool has_bias_ = false;
};

}  // namespace slipway::cuda
