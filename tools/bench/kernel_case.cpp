#include "tools/bench/kernel_case.h"

#include <algorithm>

#include "core/base/random.h"
#include "core/tensor/device_backend.h"
#include "core/tensor/element.h"

namespace slipway {
namespace {

std::vector<KernelCase>& registered_cases() {
  static std::vector<KernelCase> cases;
  return cases;
}

/// Draws from `draw` as long as it is worth the time, then the same again.
template <class Draw>
Tensor random_tensor(DType dtype, std::int64_t count, Draw draw) {
  constexpr std::int64_t kDrawn = 1 << 16;
  Tensor tensor(dtype, Shape{count});
  RandomSequence random(Philox{.key = 1});
  std::byte* const data = tensor.view().data;
  const std::size_t bytes = size_of(dtype) * static_cast<std::size_t>(count);
  const std::size_t drawn = size_of(dtype) * static_cast<std::size_t>(std::min(count, kDrawn));
  for (std::size_t at = 0; at < drawn; at += size_of(dtype)) store_element(data + at, dtype, draw(random));
  for (std::size_t done = drawn; done < bytes; done += std::min(drawn, bytes - done))
    std::copy_n(data, std::min(drawn, bytes - done), data + done);
  return tensor;
}

}  // namespace

CaseArrays::CaseArrays(const Stream& stream)
    : stream_(stream), simulated_(device_backend(stream.device).info(stream.device.index).simulated) {}

TensorView CaseArrays::keep(const Tensor& host, std::size_t passes) {
  least_bytes_ += passes * host.type().bytes();
  return tensors_.emplace_back(host.to(stream_.device)).view();
}

void* CaseArrays::in(DType dtype, std::int64_t count) {
  return keep(random_tensor(dtype, count, [](RandomSequence& random) { return random.uniform(-1, 1); }), 1)
      .data;
}

void* CaseArrays::indices(DType dtype, std::int64_t count, std::int64_t limit) {
  const auto draw = [limit](RandomSequence& random) {
    return static_cast<double>(random.below(static_cast<std::uint64_t>(limit)));
  };
  return keep(random_tensor(dtype, count, draw), 1).data;
}

void* CaseArrays::permutation(DType dtype, std::int64_t count) {
  // Steps of an odd number reach all of a power of two.
  constexpr std::int64_t kStep = 40503;
  require((count & (count - 1)) == 0, "a permutation of ", count, " integers, expected a power of two");
  Tensor tensor(dtype, Shape{count});
  for (std::int64_t i = 0; i < count; ++i) {
    store_element(tensor.view().data + static_cast<std::size_t>(i) * size_of(dtype), dtype,
                  static_cast<double>(i * kStep % count));
  }
  return keep(tensor, 1).data;
}

void* CaseArrays::out(DType dtype, std::int64_t count) {
  return keep(Tensor::zeros(dtype, Shape{count}), 1).data;
}

void* CaseArrays::in_out(DType dtype, std::int64_t count) {
  return keep(random_tensor(dtype, count, [](RandomSequence& random) { return random.uniform(0, 1); }), 2)
      .data;
}

void* CaseArrays::scratch(DType dtype, std::int64_t count) {
  return tensors_.emplace_back(dtype, Shape{count}, stream_.device).view().data;
}

std::byte* CaseArrays::scratch_bytes(std::size_t bytes) {
  return static_cast<std::byte*>(scratch(DType::uint8, static_cast<std::int64_t>(bytes)));
}

std::vector<KernelCase> kernel_cases() {
  std::vector<KernelCase> cases = registered_cases();
  std::stable_sort(cases.begin(), cases.end(),
                   [](const KernelCase& a, const KernelCase& b) { return a.slot < b.slot; });
  return cases;
}

KernelCases::KernelCases(const std::vector<std::vector<KernelCase>>& groups) {
  for (const std::vector<KernelCase>& group : groups)
    registered_cases().insert(registered_cases().end(), group.begin(), group.end());
}

}  // namespace slipway
