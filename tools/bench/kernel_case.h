#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/tensor/tensor.h"

namespace slipway {

/// The arrays of one call of a kernel, on its device. Together they say what the kernel has to move at least:
/// inputs are read once, outputs written once, scratch is its own affair.
class CaseArrays {
 public:
  explicit CaseArrays(const Stream& stream);

  /// Where the call runs, and how products may round.
  const Stream& stream() const { return stream_; }
  /// One of two sizes: a simulated GPU counts, which takes long; a real one needs enough to do.
  std::int64_t size(std::int64_t simulated, std::int64_t real) const { return simulated_ ? simulated : real; }

  /// Uniform in [-1, 1).
  void* in(DType dtype, std::int64_t count);
  /// Integers uniform in [0, limit).
  void* indices(DType dtype, std::int64_t count, std::int64_t limit);
  void* out(DType dtype, std::int64_t count);
  /// The integers in [0, count), each once, out of order.
  void* permutation(DType dtype, std::int64_t count);
  /// Read and written.
  void* in_out(DType dtype, std::int64_t count);
  void* scratch(DType dtype, std::int64_t count);
  std::byte* scratch_bytes(std::size_t bytes);
  /// Values that the kernel reads.
  void* given(const Tensor& values) { return keep(values, 1).data; }
  /// A number that the kernel reads from device memory.
  template <class T>
  T* number(T value) {
    return keep(Tensor::scalar(value), 1).template pointer<T>();
  }

  /// The kernel multiplies and adds so often (two operations each) that arithmetic, not memory, limits it.
  void set_operations(double operations) { operations_ = operations; }
  double operations() const { return operations_; }
  std::size_t least_bytes() const { return least_bytes_; }

 private:
  /// Takes the values to the device; `passes` over them are counted.
  TensorView keep(const Tensor& host, std::size_t passes);

  Stream stream_;
  bool simulated_;
  std::vector<Tensor> tensors_;
  std::size_t least_bytes_ = 0;
  double operations_ = 0;
};

/// One call of one kernel slot that stands for how it is used.
struct KernelCase {
  std::string slot;  // "softmax_forward"
  std::string what;  // "bfloat16, rows of 1024"
  /// Makes the arrays and gives what enqueues the call.
  std::function<std::function<void()>(CaseArrays&)> prepare;
  std::string note = {};         // why it can't reach the targets; empty: it does
  DType dtype = DType::float32;  // what it computes with
  MatrixPrecision precision = MatrixPrecision::float32;

  /// The stream, of this precision.
  Stream on(Stream stream) const {
    stream.matrix_precision = precision;
    return stream;
  }
};

/// All of them, by slot.
std::vector<KernelCase> kernel_cases();

/// `const KernelCases registered({in_both_types("relu_forward", ...), ...});`
struct KernelCases {
  explicit KernelCases(const std::vector<std::vector<KernelCase>>& groups);
};

/// The same call in float32 and in bfloat16, whose name goes before `what`.
template <class Prepare>
std::vector<KernelCase> in_both_types(const std::string& slot, const std::string& what, Prepare prepare,
                                      const std::string& note = {}) {
  std::vector<KernelCase> cases;
  for (const DType dtype : {DType::float32, DType::bfloat16}) {
    cases.push_back({slot, what.empty() ? text(dtype) : text(dtype, ", ", what),
                     [=](CaseArrays& arrays) { return prepare(arrays, dtype); }, note, dtype});
  }
  return cases;
}

/// The same for products: the call in TF32, too.
template <class Prepare>
std::vector<KernelCase> in_all_precisions(const std::string& slot, const std::string& what, Prepare prepare) {
  std::vector<KernelCase> cases = in_both_types(slot, what, prepare);
  cases.push_back({slot,
                   what.empty() ? "tf32" : text("tf32, ", what),
                   [=](CaseArrays& arrays) { return prepare(arrays, DType::float32); },
                   {},
                   DType::float32,
                   MatrixPrecision::tf32});
  return cases;
}

}  // namespace slipway
