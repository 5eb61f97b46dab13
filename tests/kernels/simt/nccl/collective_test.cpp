#include <dlfcn.h>

#include "core/base/half.h"
#include "tests/kernels/simt/nccl/support.h"

namespace slipway::test::nccl {
namespace {

template <class T>
void expect_all_reduce(ncclDataType_t type, ncclRedOp_t op,
                       const std::function<double(double, double)>& combine) {
  const Ranks ranks(4);
  const auto sources =
      arrays<T>(4, kCount, [](auto rank, auto i) { return static_cast<T>(sample(rank, i % 8)); });
  ok(ncclGroupStart());
  for (std::size_t rank = 0; rank < 4; ++rank) {  // in place
    ok(ncclAllReduce(sources[rank]->get(), sources[rank]->get(), kCount, type, op, ranks.communicators[rank],
                     ranks.stream(rank)));
  }
  ok(ncclGroupEnd());
  ranks.synchronize();
  for (const auto& result : sources) {
    const std::vector<T> values = values_of(*result);
    for (std::size_t i = 0; i < kCount; ++i) {
      double expected = static_cast<double>(static_cast<float>(static_cast<T>(sample(0, i % 8))));
      for (std::size_t rank = 1; rank < 4; ++rank) {
        expected =
            combine(expected, static_cast<double>(static_cast<float>(static_cast<T>(sample(rank, i % 8)))));
      }
      if (op == ncclAvg) expected /= 4;
      ASSERT_EQ(static_cast<float>(values[i]),
                static_cast<float>(static_cast<T>(static_cast<float>(expected))));
    }
  }
  EXPECT_EQ(count_findings(), 0u) << finding_texts();
}

TEST_F(SimulatedNccl, AllReduceInEveryType) {
  expect_all_reduce<float>(ncclFloat32, ncclSum, std::plus<>());
  expect_all_reduce<double>(ncclFloat64, ncclSum, std::plus<>());
  expect_all_reduce<float16>(ncclFloat16, ncclSum, std::plus<>());
  expect_all_reduce<bfloat16>(ncclBfloat16, ncclSum, std::plus<>());
  expect_all_reduce<std::int32_t>(ncclInt32, ncclSum, std::plus<>());
  expect_all_reduce<std::int64_t>(ncclInt64, ncclSum, std::plus<>());
}

TEST_F(SimulatedNccl, AllReduceWithEveryOperation) {
  expect_all_reduce<float>(ncclFloat32, ncclProd, std::multiplies<>());
  expect_all_reduce<float>(ncclFloat32, ncclMax, [](double a, double b) { return std::max(a, b); });
  expect_all_reduce<float>(ncclFloat32, ncclMin, [](double a, double b) { return std::min(a, b); });
  expect_all_reduce<float>(ncclFloat32, ncclAvg, std::plus<>());
}

TEST_F(SimulatedNccl, ReduceScatterGivesEachRankItsBlock) {
  const Ranks ranks(2);
  const auto sources = arrays<float>(2, 2 * kCount, sample);
  const auto results = arrays<float>(2, kCount, [](auto, auto) { return 0.0f; });
  ok(ncclGroupStart());
  for (std::size_t rank = 0; rank < 2; ++rank) {
    ok(ncclReduceScatter(sources[rank]->get(), results[rank]->get(), kCount, ncclFloat32, ncclSum,
                         ranks.communicators[rank], ranks.stream(rank)));
  }
  ok(ncclGroupEnd());
  ranks.synchronize();
  for (std::size_t rank = 0; rank < 2; ++rank) {
    const auto values = values_of(*results[rank]);
    for (std::size_t i = 0; i < kCount; ++i) {
      ASSERT_EQ(values[i], sample(0, rank * kCount + i) + sample(1, rank * kCount + i));
    }
  }
}

TEST_F(SimulatedNccl, AllGatherAndBroadcastAndReduce) {
  const Ranks ranks(2);
  const auto sources = arrays<float>(2, kCount, sample);
  const auto gathered = arrays<float>(2, 2 * kCount, [](auto, auto) { return 0.0f; });
  const auto broadcast = arrays<float>(2, kCount, [](auto, auto) { return 0.0f; });
  const auto reduced = arrays<float>(2, kCount, [](auto, auto) { return -1.0f; });
  ok(ncclGroupStart());
  for (std::size_t rank = 0; rank < 2; ++rank) {
    const ncclComm_t own = ranks.communicators[rank];
    const float* source = sources[rank]->get();
    ok(ncclAllGather(source, gathered[rank]->get(), kCount, ncclFloat32, own, ranks.stream(rank)));
    ok(ncclBroadcast(source, broadcast[rank]->get(), kCount, ncclFloat32, 1, own, ranks.stream(rank)));
    ok(ncclReduce(source, reduced[rank]->get(), kCount, ncclFloat32, ncclSum, 1, own, ranks.stream(rank)));
  }
  ok(ncclGroupEnd());
  ranks.synchronize();
  for (std::size_t rank = 0; rank < 2; ++rank) {
    const auto all = values_of(*gathered[rank]), one = values_of(*broadcast[rank]),
               sum = values_of(*reduced[rank]);
    for (std::size_t i = 0; i < kCount; ++i) {
      ASSERT_EQ(all[i], sample(0, i));
      ASSERT_EQ(all[kCount + i], sample(1, i));
      ASSERT_EQ(one[i], sample(1, i));
      ASSERT_EQ(sum[i], rank == 1 ? sample(0, i) + sample(1, i) : -1.0f);
    }
  }
  EXPECT_EQ(count_findings(), 0u) << finding_texts();
}

TEST_F(SimulatedNccl, ACollectiveWaitsForEveryRank) {
  const Ranks ranks(2);
  const auto data = arrays<float>(2, kCount, sample);
  const auto all_reduce = [&](std::size_t rank) {
    ok(ncclAllReduce(data[rank]->get(), data[rank]->get(), kCount, ncclFloat32, ncclSum,
                     ranks.communicators[rank], ranks.stream(rank)));
  };
  bool ran = false;
  all_reduce(0);
  launch(ranks.stream(0), [&] { ran = true; });
  for (int i = 0; i < 10; ++i) EXPECT_EQ(cudaStreamQuery(ranks.stream(0)), cudaErrorNotReady);
  EXPECT_FALSE(ran);
  std::thread([&] { all_reduce(1); }).join();
  ranks.synchronize();
  EXPECT_TRUE(ran);
}

TEST_F(SimulatedNccl, EachRankMayHaveAThread) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    restart_with({.seed = seed, .devices = 4});
    ncclUniqueId id;
    ok(ncclGetUniqueId(&id));
    std::vector<std::thread> threads;
    std::vector<float> results(4);
    for (int rank = 0; rank < 4; ++rank) {
      threads.emplace_back([&, rank] {
        ok(cudaSetDevice(rank));
        ncclComm_t communicator = nullptr;
        ok(ncclCommInitRank(&communicator, 4, id, rank));
        const OwnedStream stream;
        const DeviceArray<float> array(kCount, rank);
        const std::vector<float> values(kCount, static_cast<float>(rank));
        float result = 0;
        ok(cudaMemcpyAsync(array.get(), values.data(), array.bytes(), cudaMemcpyHostToDevice, stream));
        for (int step = 0; step < 3; ++step) {
          ok(ncclAllReduce(array.get(), array.get(), kCount, ncclFloat32, ncclSum, communicator, stream));
        }
        ok(cudaMemcpyAsync(&result, array.get(), sizeof result, cudaMemcpyDeviceToHost, stream));
        ok(cudaStreamSynchronize(stream));
        results[static_cast<std::size_t>(rank)] = result;
        ok(ncclCommDestroy(communicator));
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(results, std::vector<float>(4, 6.0f * 4 * 4));
    EXPECT_EQ(count_findings(), 0u) << finding_texts();
  }
}

TEST_F(SimulatedNccl, CollectivesOrderTheWorkOfAllRanks) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    restart_with({.seed = seed});
    const Ranks ranks(2);
    const DeviceArray<float> other(kCount, 0), target(kCount, 1);
    const auto data = arrays<float>(2, kCount, sample);
    ok(cudaMemsetAsync(other.get(), 0, other.bytes(), ranks.stream(0)));
    ok(ncclGroupStart());
    for (std::size_t rank = 0; rank < 2; ++rank) {
      ok(ncclAllReduce(data[rank]->get(), data[rank]->get(), kCount, ncclFloat32, ncclSum,
                       ranks.communicators[rank], ranks.stream(rank)));
    }
    ok(ncclGroupEnd());
    ok(cudaMemcpyPeerAsync(target.get(), 1, other.get(), 0, other.bytes(), ranks.stream(1)));
    ranks.synchronize();
    EXPECT_EQ(count_findings(), 0u) << finding_texts();
  }
}

TEST_F(SimulatedNccl, MissingWaitForACollectiveIsFound) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    restart_with({.seed = seed});
    const Ranks ranks(2);
    const OwnedStream compute;
    const auto data = arrays<float>(2, kCount, sample);
    ok(ncclGroupStart());
    for (std::size_t rank = 0; rank < 2; ++rank) {
      ok(ncclAllReduce(data[rank]->get(), data[rank]->get(), kCount, ncclFloat32, ncclSum,
                       ranks.communicators[rank], ranks.stream(rank)));
    }
    ok(ncclGroupEnd());
    ok(cudaMemsetAsync(data[0]->get(), 0, data[0]->bytes(), compute));  // the gradient is still being reduced
    ok(cudaStreamSynchronize(compute));
    ranks.synchronize();
    EXPECT_EQ(count_findings("stream race"), 1u) << finding_texts();
  }
}

TEST_F(SimulatedNccl, CapturedCollectivesAreReplayed) {
  const Ranks ranks(2);
  const auto data = arrays<float>(2, kCount, [](auto, auto) { return 1.0f; });
  std::vector<cudaGraphExec_t> graphs(2);
  for (std::size_t rank = 0; rank < 2; ++rank) {
    cudaGraph_t graph = nullptr;
    ok(cudaStreamBeginCapture(ranks.stream(rank), cudaStreamCaptureModeRelaxed));
    ok(ncclAllReduce(data[rank]->get(), data[rank]->get(), kCount, ncclFloat32, ncclSum,
                     ranks.communicators[rank], ranks.stream(rank)));
    ok(cudaStreamEndCapture(ranks.stream(rank), &graph));
    ok(cudaGraphInstantiate(&graphs[rank], graph, 0));
    ok(cudaGraphDestroy(graph));
  }
  for (int replay = 0; replay < 3; ++replay) {
    for (std::size_t rank = 0; rank < 2; ++rank) ok(cudaGraphLaunch(graphs[rank], ranks.stream(rank)));
  }
  ranks.synchronize();
  EXPECT_EQ(values_of(*data[1]), std::vector<float>(kCount, 8.0f));
  EXPECT_EQ(count_findings(), 0u) << finding_texts();
  for (cudaGraphExec_t graph : graphs) ok(cudaGraphExecDestroy(graph));
}

TEST_F(SimulatedNccl, CommunicatorsKnowTheirPlace) {
  const int devices[] = {2, 0};
  ncclComm_t communicators[2];
  ok(ncclCommInitAll(communicators, 2, devices));
  int count = 0, rank = 0, device = 0;
  ok(ncclCommCount(communicators[1], &count));
  ok(ncclCommUserRank(communicators[1], &rank));
  ok(ncclCommCuDevice(communicators[0], &device));
  EXPECT_EQ(count, 2);
  EXPECT_EQ(rank, 1);
  EXPECT_EQ(device, 2);
  for (ncclComm_t communicator : communicators) ok(ncclCommDestroy(communicator));
  EXPECT_EQ(ncclCommCount(communicators[0], &count), ncclInvalidArgument);
  const int twice[] = {1, 1};
  EXPECT_EQ(ncclCommInitAll(communicators, 2, twice), ncclInvalidUsage);
  EXPECT_EQ(ncclCommInitAll(communicators, 0, nullptr), ncclInvalidArgument);
  EXPECT_EQ(ncclGroupEnd(), ncclInvalidUsage);
}

TEST_F(SimulatedNccl, ErrorTextsAreThoseOfTheRealLibrary) {
  void* library = nullptr;
  for (const char* name : {"libnccl.so.2", "/usr/local/cuda/lib/libnccl.so.2"}) {
    if (!library) library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  }
  if (!library) GTEST_SKIP() << "no libnccl to compare with";
  const auto description =
      reinterpret_cast<const char* (*)(ncclResult_t)>(dlsym(library, "ncclGetErrorString"));
  for (int code = 0; code <= ncclNumResults; ++code) {
    EXPECT_STREQ(ncclGetErrorString(static_cast<ncclResult_t>(code)),
                 description(static_cast<ncclResult_t>(code)));
  }
}

}  // namespace
}  // namespace slipway::test::nccl
