#include "kernels/cuda/vendor/cublas/product.h"

#include "core/base/error.h"
#include "kernels/cuda/trial.h"

namespace slipway::cuda {
namespace {

constexpr std::uint64_t kMostWorkspace = std::uint64_t{32} << 20;  // what cuBLAS recommends for the largest

void expect_success(cublasStatus_t status, Device device, const char* call) {
  require(status == CUBLAS_STATUS_SUCCESS, to_string(device), ": ", call, ": ",
          cublasLtGetStatusString(status));
}
void expect_success(cublasStatus_t status, const char* call) {
  require(status == CUBLAS_STATUS_SUCCESS, call, ": ", cublasLtGetStatusString(status));
}

cudaDataType_t type_of(DType dtype) {
  switch (dtype) {
    case DType::float64:
      return CUDA_R_64F;
    case DType::float16:
      return CUDA_R_16F;
    case DType::bfloat16:
      return CUDA_R_16BF;
    default:
      return CUDA_R_32F;
  }
}

cublasComputeType_t compute_type(const Stream& stream, DType dtype) {
  if (dtype == DType::float64) return CUBLAS_COMPUTE_64F;
  const bool rounded = dtype == DType::float32 && stream.matrix_precision == MatrixPrecision::tf32;
  return rounded ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
}

cublasLtEpilogue_t epilogue_of(const LtOptions& options) {
  const bool relu = options.activation == Activation::relu;
  switch (options.bias) {
    case LtBias::added:
      return relu ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_BIAS;
    case LtBias::gradient:
      return CUBLASLT_EPILOGUE_BGRADB;  // our a is the second factor
    default:
      return relu ? CUBLASLT_EPILOGUE_RELU : CUBLASLT_EPILOGUE_DEFAULT;
  }
}

/// Row-major [batch, rows, columns], which is column-major [columns, rows].
cublasLtMatrixLayout_t layout_of(const MatrixProductProblem& product, std::int64_t rows,
                                 std::int64_t columns) {
  cublasLtMatrixLayout_t layout = nullptr;
  expect_success(
      cublasLtMatrixLayoutCreate(&layout, type_of(product.dtype), static_cast<std::uint64_t>(columns),
                                 static_cast<std::uint64_t>(rows), columns),
      "cublasLtMatrixLayoutCreate");
  const auto batch = static_cast<std::int32_t>(product.batch);
  const std::int64_t stride = rows * columns;
  expect_success(
      cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batch, sizeof batch),
      "cublasLtMatrixLayoutSetAttribute");
  expect_success(cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
                                                  &stride, sizeof stride),
                 "cublasLtMatrixLayoutSetAttribute");
  return layout;
}

using Preference =
    std::unique_ptr<cublasLtMatmulPreferenceOpaque_t, Destroy<cublasLtMatmulPreferenceDestroy>>;

Preference make_preference() {
  cublasLtMatmulPreference_t made = nullptr;
  expect_success(cublasLtMatmulPreferenceCreate(&made), "cublasLtMatmulPreferenceCreate");
  Preference preference(made);
  const auto set = [&](cublasLtMatmulPreferenceAttributes_t attribute, auto value) {
    expect_success(cublasLtMatmulPreferenceSetAttribute(made, attribute, &value, sizeof value),
                   "cublasLtMatmulPreferenceSetAttribute");
  };
  set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kMostWorkspace);
  // Parts of a long sum are added in the type of the sums, not in 16 bits.
  set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, std::uint32_t{CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
  for (const auto attribute :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
    set(attribute, static_cast<std::uint32_t>(kLibraryAlignment));
  }
  return preference;
}

}  // namespace

LtHandle::LtHandle(Device device) {
  cublasLtHandle_t made = nullptr;
  expect_success(cublasLtCreate(&made), device, "cublasLtCreate");
  handle_.reset(made);
}

LtProduct::LtProduct(const Stream& stream, const LtOptions& options)
    : handle_(handle_of<LtHandle>(stream.device)),
      double_scale_(options.product.dtype == DType::float64),
      has_bias_(options.bias != LtBias::none) {
  const MatrixProductProblem& product = options.product;
  cublasLtMatmulDesc_t made = nullptr;
  expect_success(cublasLtMatmulDescCreate(&made, compute_type(stream, product.dtype),
                                          double_scale_ ? CUDA_R_64F : CUDA_R_32F),
                 "cublasLtMatmulDescCreate");
  operation_.reset(made);
  // yᵀ = bᵀ aᵀ, and what is row-major is its own transpose column-major.
  const auto transpose = [](bool ours) { return std::int32_t{ours ? CUBLAS_OP_T : CUBLAS_OP_N}; };
  set(CUBLASLT_MATMUL_DESC_TRANSA, transpose(product.transpose_b));
  set(CUBLASLT_MATMUL_DESC_TRANSB, transpose(product.transpose_a));
  set(CUBLASLT_MATMUL_DESC_EPILOGUE, static_cast<std::uint32_t>(epilogue_of(options)));
  const auto stored = [&](std::int64_t rows, std::int64_t columns, bool transposed) {
    return Layout(transposed ? layout_of(product, columns, rows) : layout_of(product, rows, columns));
  };
  a_ = stored(product.rows, product.inner, product.transpose_a);
  b_ = stored(product.inner, product.columns, product.transpose_b);
  y_ = stored(product.rows, product.columns, false);
}

template <class Value>
void LtProduct::set(cublasLtMatmulDescAttributes_t attribute, const Value& value) {
  expect_success(cublasLtMatmulDescSetAttribute(operation_.get(), attribute, &value, sizeof value),
                 "cublasLtMatmulDescSetAttribute");
}

std::unique_ptr<LtProduct> LtProduct::find(const Stream& stream, const LtOptions& options) {
  const MatrixProductProblem& product = options.product;
  if (product.batch * product.rows * product.inner * product.columns == 0) return nullptr;
  std::unique_ptr<LtProduct> found(new LtProduct(stream, options));
  return found->find_algorithm(stream) ? std::move(found) : nullptr;
}

bool LtProduct::find_algorithm(const Stream& stream) {
  cudaSetDevice(stream.device.index);
  const Preference preference = make_preference();
  cublasLtMatmulHeuristicResult_t result{};
  int count = 0;
  const cublasStatus_t status =
      cublasLtMatmulAlgoGetHeuristic(handle_->get(), operation_.get(), b_.get(), a_.get(), y_.get(), y_.get(),
                                     preference.get(), 1, &result, &count);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED) return false;
  expect_success(status, stream.device, "cublasLtMatmulAlgoGetHeuristic");
  if (count == 0 || result.state != CUBLAS_STATUS_SUCCESS) return false;
  algorithm_ = result.algo;
  workspace_bytes_ = result.workspaceSize;
  return true;
}

void LtProduct::run(const Stream& stream, const LtArrays& arrays) {
  cudaSetDevice(stream.device.index);
  if (has_bias_) set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, arrays.bias);
  const float one = 1, zero = 0;
  const double double_one = 1, double_zero = 0;
  const void* alpha = double_scale_ ? static_cast<const void*>(&double_one) : &one;
  const void* beta = double_scale_ ? static_cast<const void*>(&double_zero) : &zero;
  expect_success(cublasLtMatmul(handle_->get(), operation_.get(), alpha, arrays.b, b_.get(), arrays.a,
                                a_.get(), beta, arrays.y, y_.get(), arrays.y, y_.get(), &algorithm_,
                                workspace_in(arrays.scratch, workspace_bytes_), workspace_bytes_,
                                static_cast<cudaStream_t>(stream.native)),
                 stream.device, "cublasLtMatmul");
}

}  // namespace slipway::cuda
