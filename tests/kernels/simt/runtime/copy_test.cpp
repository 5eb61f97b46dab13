#include <cmath>
#include <numeric>

#include "tests/kernels/simt/runtime/support.h"

namespace slipway::test {
namespace {

using SimulatedCopy = SimulatedRuntime;

std::vector<int> counted(std::size_t count) {
  std::vector<int> values(count);
  std::iota(values.begin(), values.end(), 0);
  return values;
}

TEST_F(SimulatedCopy, GoesToTheDeviceAndBack) {
  const std::vector<int> values = counted(100);
  const DeviceArray<int> first(100), second(100);
  std::vector<int> result(100);
  ok(cudaMemcpy(first.get(), values.data(), first.bytes(), cudaMemcpyHostToDevice));
  ok(cudaMemcpy(second.get(), first.get(), first.bytes(), cudaMemcpyDeviceToDevice));
  ok(cudaMemcpy(result.data(), second.get(), first.bytes(), cudaMemcpyDefault));
  EXPECT_EQ(result, values);
  EXPECT_EQ(count_findings(), 0u) << finding_texts();
}

TEST_F(SimulatedCopy, FromPageableMemoryIsStagedBeforeTheCallReturns) {
  // "The memory is first staged to pinned memory; the call may return before the transfer to the device."
  for_each_seed([] {
    OwnedStream stream;
    std::vector<int> source = counted(64);
    const DeviceArray<int> array(64);
    PinnedArray<int> result(64);
    ok(cudaMemcpyAsync(array.get(), source.data(), array.bytes(), cudaMemcpyHostToDevice, stream));
    std::fill(source.begin(), source.end(), -1);
    to_host(result, array, stream);
    ok(cudaStreamSynchronize(stream));
    EXPECT_TRUE(std::equal(result.begin(), result.end(), counted(64).begin()));
    EXPECT_EQ(count_findings(), 0u) << finding_texts();
  });
}

TEST_F(SimulatedCopy, ToPageableMemoryIsCompleteWhenTheCallReturns) {
  OwnedStream stream;
  const DeviceArray<int> array(8);
  std::vector<int> result(8, -1);
  ok(cudaMemsetAsync(array.get(), 0, array.bytes(), stream));
  ok(cudaMemcpyAsync(result.data(), array.get(), array.bytes(), cudaMemcpyDeviceToHost, stream));
  EXPECT_EQ(result, std::vector<int>(8, 0));
}

TEST_F(SimulatedCopy, ToPinnedMemoryIsNaNUntilItHasRun) {
  for_each_seed([] {
    OwnedStream stream;
    const DeviceArray<float> array(8);
    PinnedArray<float> result(8, 1.0f);
    ok(cudaMemsetAsync(array.get(), 0, array.bytes(), stream));
    to_host(result, array, stream);
    for (float value : result) EXPECT_TRUE(std::isnan(value));
    ok(cudaStreamSynchronize(stream));
    EXPECT_TRUE(result.all(0.0f));
  });
}

TEST_F(SimulatedCopy, SynchronousCopyOfPinnedMemoryIsCompleteWhenTheCallReturns) {
  const DeviceArray<int> array(8);
  PinnedArray<int> source(8, 7), result(8, 0);
  ok(cudaMemcpy(array.get(), source.get(), array.bytes(), cudaMemcpyHostToDevice));
  std::fill(source.begin(), source.end(), 1);  // allowed: the copy has run
  ok(cudaMemcpy(result.get(), array.get(), array.bytes(), cudaMemcpyDeviceToHost));
  EXPECT_TRUE(result.all(7));
  EXPECT_EQ(count_findings(), 0u) << finding_texts();
}

TEST_F(SimulatedCopy, DirectionMustAgreeWithThePointers) {
  const DeviceArray<int> array(8);
  std::vector<int> host(8);
  EXPECT_EQ(cudaMemcpy(array.get(), host.data(), 32, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  EXPECT_EQ(count_findings("copy direction"), 1u) << finding_texts();
  EXPECT_EQ(cudaMemcpy(array.get(), host.data(), 32, static_cast<cudaMemcpyKind>(9)),
            cudaErrorInvalidMemcpyDirection);
}

TEST_F(SimulatedCopy, RangesMustLieWithinAnAllocation) {
  const DeviceArray<int> array(8);
  std::vector<int> host(16);
  EXPECT_EQ(cudaMemcpy(array.get(), host.data(), 33, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(array.get() + 4, host.data(), 17, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  ok(cudaMemcpy(array.get() + 4, host.data(), 16, cudaMemcpyHostToDevice));
  ok(cudaMemcpy(nullptr, nullptr, 0, cudaMemcpyHostToDevice));
  EXPECT_EQ(cudaMemset(array.get(), 0, 33), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemset(host.data(), 0, 4), cudaErrorInvalidValue);
}

TEST_F(SimulatedCopy, OverlapIsFound) {
  const DeviceArray<int> array(8);
  EXPECT_EQ(cudaMemcpy(array.get() + 1, array.get(), 16, cudaMemcpyDeviceToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(count_findings("overlapping copy"), 1u) << finding_texts();
}

TEST_F(SimulatedCopy, MemsetFillsBytes) {
  const DeviceArray<std::uint32_t> array(4);
  std::vector<std::uint32_t> result(4);
  ok(cudaMemset(array.get(), 0xab, array.bytes()));
  ok(cudaMemcpy(result.data(), array.get(), array.bytes(), cudaMemcpyDeviceToHost));
  EXPECT_EQ(result, std::vector<std::uint32_t>(4, 0xababababu));
}

TEST_F(SimulatedCopy, PeerCopyGoesBetweenDevices) {
  OwnedStream stream;
  const DeviceArray<int> here(8, 0), there(8, 1);
  PinnedArray<int> result(8);
  ok(cudaMemsetAsync(here.get(), 1, here.bytes(), stream));
  ok(cudaMemcpyPeerAsync(there.get(), 1, here.get(), 0, here.bytes(), stream));
  to_host(result, there, stream);
  ok(cudaStreamSynchronize(stream));
  EXPECT_TRUE(result.all(0x01010101));
  EXPECT_EQ(cudaMemcpyPeerAsync(there.get(), 0, here.get(), 0, here.bytes(), stream), cudaErrorInvalidValue);
  EXPECT_EQ(count_findings("wrong device"), 1u) << finding_texts();
}

}  // namespace
}  // namespace slipway::test
