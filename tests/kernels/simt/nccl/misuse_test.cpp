#include <utility>

#include "tests/kernels/simt/nccl/support.h"

namespace slipway::test::nccl {
namespace {

using SimulatedNcclMisuse = SimulatedNccl;

/// What two ranks call that ought to call the same.
struct Pair {
  std::size_t counts[2] = {kCount, kCount};
  ncclDataType_t types[2] = {ncclFloat32, ncclFloat32};
  ncclRedOp_t ops[2] = {ncclSum, ncclSum};
};

void expect_mismatch(const Pair& pair) {
  restart_with({});
  const Ranks ranks(2);
  const auto data = arrays<float>(2, kCount, sample);
  ok(ncclGroupStart());
  for (std::size_t rank = 0; rank < 2; ++rank) {
    float* const array = data[rank]->get();
    const ncclComm_t own = ranks.communicators[rank];
    ok(ncclAllReduce(array, array, pair.counts[rank],  // bug: mismatch
                     pair.types[rank], pair.ops[rank], own, ranks.stream(rank)));
  }
  ok(ncclGroupEnd());
  EXPECT_EQ(count_findings("mismatched collective"), 1u) << finding_texts();
  expect_found({"mismatched collective", __FILE__, "bug: mismatch"});
  ncclResult_t error = ncclSuccess;
  ok(ncclCommGetAsyncError(ranks.communicators[0], &error));
  EXPECT_EQ(error, ncclInvalidUsage);
  ranks.synchronize();
}

TEST_F(SimulatedNcclMisuse, MismatchedCollectivesAreFound) {
  expect_mismatch({.counts = {kCount, kCount / 2}});
  expect_mismatch({.types = {ncclFloat32, ncclInt32}});
  expect_mismatch({.ops = {ncclSum, ncclMax}});
}

TEST_F(SimulatedNcclMisuse, CollectivesInAnotherOrderAreFound) {
  const Ranks ranks(2);
  const auto data = arrays<float>(2, 2 * kCount, sample);
  ok(ncclGroupStart());
  for (std::size_t rank = 0; rank < 2; ++rank) {
    const ncclComm_t own = ranks.communicators[rank];
    float* array = data[rank]->get();
    if (rank == 0) ok(ncclAllReduce(array, array, kCount, ncclFloat32, ncclSum, own, ranks.stream(rank)));
    ok(ncclBroadcast(array, array, kCount, ncclFloat32, 0, own, ranks.stream(rank)));  // bug: order
    if (rank == 1) ok(ncclAllReduce(array, array, kCount, ncclFloat32, ncclSum, own, ranks.stream(rank)));
  }
  ok(ncclGroupEnd());
  expect_found({"mismatched collective", __FILE__, "bug: order"});
  ranks.synchronize();
}

TEST_F(SimulatedNcclMisuse, ARankThatNeverCallsIsADeadlock) {
  Ranks ranks(2);
  const auto data = arrays<float>(2, kCount, sample);
  ok(ncclAllReduce(data[0]->get(), data[0]->get(), kCount, ncclFloat32, ncclSum, ranks.communicators[0],
                   ranks.stream(0)));
  EXPECT_EQ(cudaStreamSynchronize(ranks.stream(0)), cudaErrorLaunchTimeout);
  EXPECT_EQ(count_findings("deadlock"), 1u) << finding_texts();
  ok(ncclCommAbort(std::exchange(ranks.communicators[1], nullptr)));
  ok(cudaStreamSynchronize(ranks.stream(0)));  // "aborts any operations that might still be running"
}

TEST_F(SimulatedNcclMisuse, ADeadRankIsARemoteError) {
  restart_with({.faults = {.dead_rank = 1}});
  Ranks ranks(2);
  const auto data = arrays<float>(2, kCount, sample);
  ok(ncclAllReduce(data[0]->get(), data[0]->get(), kCount, ncclFloat32, ncclSum, ranks.communicators[0],
                   ranks.stream(0)));
  EXPECT_EQ(ncclAllReduce(data[1]->get(), data[1]->get(), kCount, ncclFloat32, ncclSum,
                          ranks.communicators[1], ranks.stream(1)),
            ncclSystemError);
  EXPECT_EQ(cudaStreamQuery(ranks.stream(0)), cudaErrorNotReady);
  ncclResult_t error = ncclSuccess;
  ok(ncclCommGetAsyncError(ranks.communicators[0], &error));
  EXPECT_EQ(error, ncclRemoteError);
  EXPECT_EQ(cudaStreamSynchronize(ranks.stream(0)), cudaErrorLaunchTimeout);
  ok(ncclCommAbort(std::exchange(ranks.communicators[0], nullptr)));
  ok(cudaStreamSynchronize(ranks.stream(0)));
}

TEST_F(SimulatedNcclMisuse, SeveralRanksOfAThreadNeedAGroup) {
  // "When managing multiple GPUs from a single thread, we need to group calls for different ranks."
  const Ranks ranks(2);
  const auto data = arrays<float>(2, kCount, sample);
  for (std::size_t rank = 0; rank < 2; ++rank) {
    float* const array = data[rank]->get();
    ok(ncclAllReduce(array, array, kCount,  // bug: ungrouped
                     ncclFloat32, ncclSum, ranks.communicators[rank], ranks.stream(rank)));
  }
  ranks.synchronize();
  EXPECT_EQ(count_findings("ungrouped call"), 1u) << finding_texts();
  expect_found({"ungrouped call", __FILE__, "bug: ungrouped"});
}

TEST_F(SimulatedNcclMisuse, MemoryMustBeOfTheRanksDevice) {
  const Ranks ranks(2);
  const DeviceArray<float> elsewhere(kCount, 1);
  float* const array = elsewhere.get();
  EXPECT_EQ(ncclAllReduce(array, array, kCount,  // bug: device
                          ncclFloat32, ncclSum, ranks.communicators[0], ranks.stream(0)),
            ncclInvalidArgument);
  EXPECT_EQ(count_findings("wrong device"), 1u) << finding_texts();
  expect_found({"wrong device", __FILE__, "bug: device"});
  std::vector<float> host(kCount);
  EXPECT_EQ(ncclAllReduce(host.data(), host.data(), kCount, ncclFloat32, ncclSum, ranks.communicators[0],
                          ranks.stream(0)),
            ncclInvalidArgument);
}

}  // namespace
}  // namespace slipway::test::nccl
