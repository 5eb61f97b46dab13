#include "core/comm/communicator.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/comm/mpi.h"
#include "tests/support/local_ranks.h"

namespace slipway::test {
namespace {

TEST(Shard, PartsAreContiguousAndDifferByOneAtMost) {
  for (const int ranks : {1, 2, 3, 4, 7}) {
    for (const std::int64_t samples : {0, 1, 2, 3, 31, 33, 64}) {
      std::int64_t end = 0;
      for (int rank = 0; rank < ranks; ++rank) {
        const Shard shard{rank, ranks};
        EXPECT_EQ(shard.begin(samples), end);
        EXPECT_GE(shard.size(samples), samples / ranks);
        EXPECT_LE(shard.size(samples), (samples + ranks - 1) / ranks);
        end = shard.end(samples);
      }
      EXPECT_EQ(end, samples);
    }
  }
}

/// Several reductions at the same time, of about as many values.
void expect_many_values(Communicator& ranks, DType dtype, std::int64_t values) {
  const std::int64_t size = ranks.size(), rank = ranks.rank(), slice = values / size + 7;
  const std::int64_t count = size * slice;
  const Tensor own(dtype, Shape{count}), sum(dtype, Shape{count});
  const auto value = [](std::int64_t i) { return static_cast<double>(i % 3 + i / 10'000 % 2); };
  std::vector<double> mine, ours;
  for (std::int64_t i = 0; i < count; ++i) {
    mine.push_back(value(i) * static_cast<double>(rank + 1));
    ours.push_back(value(i) * static_cast<double>(size * (size + 1) / 2));
  }
  copy_elements(Tensor::of(Shape{count}, mine).cast(dtype), own);
  copy_elements(Tensor::of(Shape{count}, ours).cast(dtype), sum);
  const auto same = [&](const Tensor& found, std::int64_t begin, std::int64_t end) {
    const std::size_t bytes = size_of(dtype), from = static_cast<std::size_t>(begin) * bytes;
    return std::memcmp(found.view().data + from, sum.view().data + from,
                       static_cast<std::size_t>(end - begin) * bytes) == 0;
  };
  const Tensor everywhere = own.clone(), sliced = own.clone(), gathered(dtype, Shape{count});
  ranks.start_all_reduce({}, everywhere, "a test");
  ranks.start_reduce_scatter({}, sliced, "a test");
  ranks.wait({}, everywhere);
  ranks.wait({}, sliced);
  EXPECT_TRUE(same(everywhere, 0, count)) << dtype;
  EXPECT_TRUE(same(sliced, rank * slice, (rank + 1) * slice)) << dtype;
  ranks.all_gather({}, {.part = sliced.slice(0, rank * slice, (rank + 1) * slice), .all = gathered},
                   "a test");
  EXPECT_TRUE(same(gathered, 0, count)) << dtype;
}

/// What every implementation has to do, with values that are few or `many`.
void expect_collectives(Communicator& ranks, std::int64_t many) {
  const std::int64_t size = ranks.size(), rank = ranks.rank();
  for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16, DType::int64}) {
    const std::int64_t largest = dtype == DType::bfloat16 ? 7 : 97;  // sums that it holds
    for (const std::int64_t count : {0, 1, 31, 33, 4099, 40'009}) {
      std::vector<double> mine;
      for (std::int64_t i = 0; i < count; ++i) mine.push_back(static_cast<double>(i % largest * (rank + 1)));
      const Tensor values = Tensor::of(Shape{count}, mine).cast(dtype);
      ranks.all_reduce({}, values, "a test");
      for (std::int64_t i = 0; i < count; ++i)
        ASSERT_EQ(values.at({i}), static_cast<double>(i % largest * size * (size + 1) / 2))
            << dtype << ' ' << i;
    }
  }
  for (const DType dtype : {DType::float32, DType::uint8}) {
    const Tensor part = Tensor::full(dtype, Shape{3}, static_cast<double>(rank + 1)),
                 all(dtype, Shape{size, 3});
    ranks.all_gather({}, {part, all}, "a test");
    for (std::int64_t i = 0; i < size * 3; ++i)
      ASSERT_EQ(all.at({i / 3, i % 3}), static_cast<double>(i / 3 + 1));
  }
  for (const DType dtype : {DType::float32, DType::bfloat16}) {
    for (const std::int64_t slice : {0, 1, 31, 40'009}) {
      const Tensor values(dtype, Shape{size * slice});
      const auto value = [&](std::int64_t i) { return static_cast<double>(i % 7); };
      for (std::int64_t i = 0; i < size * slice; ++i)
        copy_elements(Tensor::full(dtype, Shape{1}, value(i) * static_cast<double>(rank + 1)),
                      values.slice(0, i, i + 1));
      ranks.reduce_scatter({}, values, "a test");
      for (std::int64_t i = rank * slice; i < (rank + 1) * slice; ++i)
        ASSERT_EQ(values.at({i}), value(i) * static_cast<double>(size * (size + 1) / 2)) << dtype << ' ' << i;
    }
  }
  {
    const Tensor all = Tensor::zeros(DType::float32, Shape{size * 5});  // the part lies in it
    const Tensor part = all.slice(0, rank * 5, rank * 5 + 5);
    copy_elements(Tensor::full(DType::float32, Shape{5}, static_cast<double>(rank + 1)), part);
    ranks.all_gather({}, {.part = part, .all = all}, "a test");
    for (std::int64_t i = 0; i < size * 5; ++i) ASSERT_EQ(all.at({i}), static_cast<double>(i / 5 + 1));
  }
  for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16, DType::int64})
    expect_many_values(ranks, dtype, many);
  if (size > 1) {
    EXPECT_THROW(ranks.reduce_scatter({}, Tensor(DType::float32, Shape{size + 1}), "a test"), Error);
  }
  // Several on their way, waited for in another order.
  for (const std::int64_t count : {1, 3000, 100'000}) {
    std::vector<Tensor> started;
    for (std::int64_t i = 0; i < 5; ++i) {
      started.push_back(Tensor::full(DType::float32, Shape{count}, static_cast<double>(i + rank)));
      ranks.start_all_reduce({}, started.back(), "a test");
    }
    for (std::int64_t i = 5; i-- > 0;) {
      const Tensor& values = started[static_cast<std::size_t>(i)];
      ranks.wait({}, values);
      for (const std::int64_t at : {std::int64_t{0}, count - 1})
        ASSERT_EQ(values.at({at}), static_cast<double>(i * size + size * (size - 1) / 2));
    }
  }
  for (int root = 0; root < ranks.size(); ++root) {
    const Tensor values = Tensor::full(DType::float64, Shape{5}, static_cast<double>(rank));
    ranks.broadcast({}, {.values = values, .root = root}, "a test");
    for (std::int64_t i = 0; i < 5; ++i) ASSERT_EQ(values.at({i}), root);
  }
}

TEST(LocalRanks, DoWhatACommunicatorDoes) {
  for (const int size : {1, 2, 3, 4})
    run_on_ranks(size, [](Communicator& ranks) { expect_collectives(ranks, 10'000); });
}

TEST(LocalRanks, AFailureOfOneEndsAll) {
  EXPECT_THROW(run_on_ranks(3,
                            [](Communicator& ranks) {
                              if (ranks.rank() == 1) throw UserError("a mistake");
                              expect_collectives(ranks, 10'000);
                            }),
               UserError);
}

/// Run by mpirun as tests of their own, not among the others, which are one process.
class MpiRanks : public testing::Test {
 protected:
  static constexpr std::int64_t kMany = 2'500'000;  // more than passes through shared memory at once

  void SetUp() override {
    if (!std::getenv("OMPI_COMM_WORLD_SIZE")) GTEST_SKIP() << "no mpirun has started this process";
  }
};

TEST_F(MpiRanks, DoWhatACommunicatorDoes) {
  const std::unique_ptr<Communicator> ranks = join_mpi();
  EXPECT_EQ(std::to_string(ranks->size()), std::getenv("OMPI_COMM_WORLD_SIZE"));
  EXPECT_EQ(std::to_string(ranks->rank()), std::getenv("OMPI_COMM_WORLD_RANK"));
  expect_collectives(*ranks, kMany);
  try {
    ranks->all_reduce({}, Tensor(DType::uint8, Shape{3}), "bytes");
    ADD_FAILURE() << "bytes have no sum";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "all_reduce: expects float32, float64, bfloat16 or int64, got uint8");
  }
}

TEST_F(MpiRanks, DoTheSameByMessages) { expect_collectives(*join_mpi({.share_memory = false}), kMany); }

}  // namespace
}  // namespace slipway::test
