#include <cstring>

#include "kernels/simt/cublas/description.h"

// Handles and descriptors of cuBLASLt.
namespace slipway::simt {
namespace {

/// All of one kind that programs have made. Never destroyed, as the machine.
template <class State>
Handles<State>& all() {
  static auto& handles = *new Handles<State>;
  return handles;
}

template <class State>
State& find(const void* handle, cublasStatus_t otherwise) {
  State* found = all<State>().find(handle);
  expect(found, otherwise);
  return *found;
}

template <class State, class Handle>
cublasStatus_t create(Handle* handle, const State& state, const void* caller) {
  return cublas_call([&](Machine&) {
    expect(handle, CUBLAS_STATUS_INVALID_VALUE);
    *handle = reinterpret_cast<Handle>(all<State>().add(state, caller));
  });
}

template <class State>
cublasStatus_t destroy(const void* handle, cublasStatus_t otherwise) {
  return cublas_call([&](Machine&) { expect(all<State>().remove(handle), otherwise); });
}

/// A new value of an attribute, of exactly its size.
struct NewValue {
  const void* data;
  std::size_t bytes;

  template <class Stored, class T>
  void to(T& attribute) const {
    // "If buf is NULL or sizeInBytes doesn't match size of internal storage for selected attribute."
    expect(data && bytes == sizeof(Stored), CUBLAS_STATUS_INVALID_VALUE);
    Stored stored;
    std::memcpy(&stored, data, sizeof stored);
    attribute = static_cast<T>(stored);
  }
};

[[noreturn]] void refuse_attribute() { throw LibraryFailure<cublasStatus_t>{CUBLAS_STATUS_INVALID_VALUE}; }

void set(LtOperation& operation, cublasLtMatmulDescAttributes_t attribute, const NewValue& value) {
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return value.to<std::int32_t>(operation.transpose_a);
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return value.to<std::int32_t>(operation.transpose_b);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return value.to<std::uint32_t>(operation.epilogue);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return value.to<void*>(operation.bias);
    default:
      refuse_attribute();
  }
}

void set(LtLayout& layout, cublasLtMatrixLayoutAttribute_t attribute, const NewValue& value) {
  switch (attribute) {
    case CUBLASLT_MATRIX_LAYOUT_ORDER:
      return value.to<std::int32_t>(layout.order);
    case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT:
      return value.to<std::int32_t>(layout.batch);
    case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET:
      return value.to<std::int64_t>(layout.batch_stride);
    default:
      refuse_attribute();
  }
}

void set(LtPreference& preference, cublasLtMatmulPreferenceAttributes_t attribute, const NewValue& value) {
  switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
      return value.to<std::uint64_t>(preference.workspace);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
      return value.to<std::uint32_t>(preference.reductions);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
      return value.to<std::uint32_t>(preference.alignment[0]);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
      return value.to<std::uint32_t>(preference.alignment[1]);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
      return value.to<std::uint32_t>(preference.alignment[2]);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
      return value.to<std::uint32_t>(preference.alignment[3]);
    default:
      refuse_attribute();
  }
}

}  // namespace

LtHandle& lt_handle(cublasLtHandle_t handle) { return find<LtHandle>(handle, CUBLAS_STATUS_NOT_INITIALIZED); }
LtOperation& lt_operation(cublasLtMatmulDesc_t handle) {
  return find<LtOperation>(handle, CUBLAS_STATUS_INVALID_VALUE);
}
LtLayout& lt_layout(cublasLtMatrixLayout_t handle) {
  return find<LtLayout>(handle, CUBLAS_STATUS_INVALID_VALUE);
}
LtPreference& lt_preference(cublasLtMatmulPreference_t handle) {
  return find<LtPreference>(handle, CUBLAS_STATUS_INVALID_VALUE);
}

}  // namespace slipway::simt

using namespace slipway::simt;

extern "C" {

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  if (!handle) return CUBLAS_STATUS_INVALID_VALUE;
  return create(handle, LtHandle{host_thread().device}, __builtin_return_address(0));
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  return destroy<LtHandle>(handle, CUBLAS_STATUS_NOT_INITIALIZED);
}
std::size_t cublasLtGetVersion() { return CUBLAS_VERSION; }

const char* cublasLtGetStatusString(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "success";
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "the library was not initialized";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "an unsupported value or parameter was passed to the function";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "the functionality requested is not supported";
    case CUBLAS_STATUS_EXECUTION_FAILED:
      return "the GPU program failed to execute";
    default:
      return "unknown status";
  }
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* handle, cublasComputeType_t compute,
                                        cudaDataType_t scale) {
  return create(handle, LtOperation{.compute = compute, .scale = scale}, __builtin_return_address(0));
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t handle) {
  return destroy<LtOperation>(handle, CUBLAS_STATUS_INVALID_VALUE);
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t handle,
                                              cublasLtMatmulDescAttributes_t attribute, const void* data,
                                              std::size_t bytes) {
  return cublas_call([&](Machine&) { set(lt_operation(handle), attribute, {data, bytes}); });
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* handle, cudaDataType type,
                                          std::uint64_t rows, std::uint64_t columns, std::int64_t leading) {
  return create(handle, LtLayout{.type = type, .rows = rows, .columns = columns, .leading = leading},
                __builtin_return_address(0));
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t handle) {
  return destroy<LtLayout>(handle, CUBLAS_STATUS_INVALID_VALUE);
}
cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t handle,
                                                cublasLtMatrixLayoutAttribute_t attribute, const void* data,
                                                std::size_t bytes) {
  return cublas_call([&](Machine&) { set(lt_layout(handle), attribute, {data, bytes}); });
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* handle) {
  return create(handle, LtPreference{}, __builtin_return_address(0));
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t handle) {
  return destroy<LtPreference>(handle, CUBLAS_STATUS_INVALID_VALUE);
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t handle,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* data, std::size_t bytes) {
  return cublas_call([&](Machine&) { set(lt_preference(handle), attribute, {data, bytes}); });
}

}  // extern "C"
