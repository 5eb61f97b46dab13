#include <atomic>

#include "core/runtime/recording.h"
#include "tests/kernels/simt/ranks/support.h"

namespace slipway::test {
namespace {

class CudaRanks : public CudaRanksTest {};

Tensor on_device(const DeviceRank& rank, const Tensor& host) {
  const Tensor there(host.type(), rank.stream.device);
  enqueue_copy(rank.stream, host, there);
  return there;
}

Tensor on_host(const DeviceRank& rank, const Tensor& there) {
  const Tensor host(there.type());
  enqueue_copy(rank.stream, there, host);
  return host;
}

void expect_all(const Tensor& values, double expected) {
  const Tensor all = values.cast(DType::float64);
  for (const double value : all.as<double>()) ASSERT_EQ(value, expected);
}

TEST_F(CudaRanks, SumValuesOfEveryType) {
  for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16, DType::int64}) {
    for (const int count : {1, 2, 3, 4}) {
      run_on_device_ranks(count, [&](const DeviceRank& rank) {
        EXPECT_EQ(rank.ranks.rank(), rank.host.rank());
        EXPECT_EQ(rank.ranks.size(), count);
        EXPECT_EQ(rank.stream.device.index, rank.host.rank());
        const Tensor values =
            on_device(rank, Tensor::full(dtype, {7, 3}, static_cast<double>(1 << rank.host.rank())));
        rank.ranks.all_reduce(rank.stream, values, "a test");
        expect_all(on_host(rank, values), (1 << count) - 1);
      });
      expect_no_findings();
    }
  }
}

TEST_F(CudaRanks, GatherAndBroadcast) {
  run_on_device_ranks(3, [](const DeviceRank& rank) {
    const Tensor own = on_device(rank, Tensor::full(DType::int64, {2}, rank.host.rank() + 5));
    const Tensor all(DType::int64, {3, 2}, rank.stream.device);
    rank.ranks.all_gather(rank.stream, {.part = own, .all = all}, "a test");
    const Tensor gathered = on_host(rank, all);
    for (std::int64_t i = 0; i < 3; ++i) EXPECT_EQ(gathered.at({i, 1}), i + 5);
    rank.ranks.broadcast(rank.stream, {.values = own, .root = 2}, "a test");
    expect_all(on_host(rank, own), 7);
  });
  expect_no_findings();
}

TEST_F(CudaRanks, ExchangeValuesOnTheHostAsWell) {
  run_on_device_ranks(2, [](const DeviceRank& rank) {
    const Tensor values = Tensor::full(DType::float32, {3}, 2);
    rank.ranks.all_reduce({}, values, "a test");
    expect_all(values, 4);
    const Tensor one = Tensor::full(DType::uint8, {3}, rank.host.rank());
    rank.ranks.broadcast({}, {.values = one, .root = 1}, "a test");
    expect_all(one, 1);
  });
}

TEST_F(CudaRanks, ScatterSumsAndGatherThemInPlace) {
  for (const int count : {1, 2, 3, 4}) {
    restart(static_cast<std::uint64_t>(count));
    run_on_device_ranks(count, [](const DeviceRank& rank) {
      const std::int64_t size = rank.host.size(), own = rank.host.rank();
      for (const DType dtype : {DType::float32, DType::bfloat16}) {
        const Tensor values = on_device(rank, Tensor::full(dtype, {size * 33}, static_cast<double>(own + 1)));
        rank.ranks.reduce_scatter(rank.stream, values, "a test");
        const Tensor part = values.slice(0, own * 33, own * 33 + 33);
        expect_all(on_host(rank, part), static_cast<double>(size * (size + 1) / 2));
        rank.ranks.all_gather(rank.stream, {.part = part, .all = values}, "a test");
        expect_all(on_host(rank, values), static_cast<double>(size * (size + 1) / 2));
      }
    });
    expect_no_findings();
  }
}

TEST_F(CudaRanks, DoNothingWithoutValues) {
  run_on_device_ranks(2, [](const DeviceRank& rank) {
    const Tensor none(DType::float32, {0, 4}, rank.stream.device),
        all(DType::float32, {2, 0, 4}, rank.stream.device);
    rank.ranks.all_reduce(rank.stream, none, "a test");
    rank.ranks.all_gather(rank.stream, {.part = none, .all = all}, "a test");
    rank.ranks.broadcast(rank.stream, {.values = none}, "a test");
  });
}

/// Two exchanges on their way at once, and work between them, in ten orders of streams.
TEST_F(CudaRanks, ExchangeWhileTheStreamGoesOn) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    restart(seed);
    run_on_device_ranks(2, [](const DeviceRank& rank) {
      const Tensor first = on_device(rank, Tensor::full(DType::float32, {64}, 1)), second = first.clone();
      const Tensor other(DType::float32, {64}, rank.stream.device), copy(other.type(), rank.stream.device);
      for (int step = 1; step <= 3; ++step) {
        rank.ranks.start_all_reduce(rank.stream, first, "the first");
        rank.ranks.start_all_reduce(rank.stream, second, "the second");
        enqueue_zeros(rank.stream, other);
        rank.ranks.wait(rank.stream, second);
        enqueue_copy(rank.stream, second, other);
        rank.ranks.wait(rank.stream, first);
        enqueue_copy(rank.stream, first, copy);
      }
      expect_all(on_host(rank, other), 8);
      expect_all(on_host(rank, copy), 8);
    });
    expect_no_findings();
  }
}

/// The other rank starts when this one's later work is done.
TEST_F(CudaRanks, AnExchangeHoldsNothingBackThatDoesNotWaitForIt) {
  run_on_device_ranks(2, [](const DeviceRank& rank) {
    const Tensor values = on_device(rank, Tensor::full(DType::float32, {64}, 1));
    const Tensor other(values.type(), rank.stream.device), sign = Tensor::zeros(DType::uint8, {1});
    if (rank.host.rank() == 0) {
      rank.ranks.start_all_reduce(rank.stream, values, "a test");
      enqueue_zeros(rank.stream, other);
      expect_all(on_host(rank, other), 0);
    }
    rank.host.broadcast({}, {.values = sign}, "a test");
    if (rank.host.rank() == 1) rank.ranks.start_all_reduce(rank.stream, values, "a test");
    rank.ranks.wait(rank.stream, values);
    expect_all(on_host(rank, values), 2);
  });
  expect_no_findings();
}

TEST_F(CudaRanks, AnExchangeIsRecordedAndReplayed) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    restart(seed);
    run_on_device_ranks(2, [](const DeviceRank& rank) {
      const Tensor values = on_device(rank, Tensor::full(DType::float32, {64}, 1));
      const Tensor copy(values.type(), rank.stream.device);
      const Recording::Enqueue step = [&](std::size_t i) {
        if (i == 0) rank.ranks.start_all_reduce(rank.stream, values, "a test");
        if (i == 1) enqueue_zeros(rank.stream, copy);
        if (i == 2) rank.ranks.wait(rank.stream, values);
        if (i == 3) enqueue_copy(rank.stream, values, copy);
      };
      const Recording recording(rank.stream, 4, step);
      EXPECT_EQ(recording.recorded_parts(), 1u);
      EXPECT_EQ(recording.left_out(), 0u);
      for (int i = 0; i < 5; ++i) recording.replay(rank.stream, step);
      expect_all(on_host(rank, copy), 32);
    });
    expect_no_findings();
  }
}

/// What waits between start and end of an exchange can't be recorded, nor can these.
TEST_F(CudaRanks, AnExchangeAroundAWaitIsNotRecorded) {
  run_on_device_ranks(2, [](const DeviceRank& rank) {
    const Tensor values = on_device(rank, Tensor::full(DType::float32, {64}, 1));
    const Tensor copy(values.type(), rank.stream.device);
    const Recording::Enqueue step = [&](std::size_t i) {
      if (i == 0) enqueue_zeros(rank.stream, copy);
      if (i == 1) rank.ranks.start_all_reduce(rank.stream, values, "a test");
      if (i == 2) synchronize(rank.stream);
      if (i == 3) rank.ranks.wait(rank.stream, values);
      if (i == 4) enqueue_copy(rank.stream, values, copy);
    };
    const Recording recording(rank.stream, 5, step);
    EXPECT_GT(recording.left_out(), 0u);
    for (int i = 0; i < 3; ++i) recording.replay(rank.stream, step);
    expect_all(on_host(rank, copy), 8);
  });
  expect_no_findings();
}

std::string communication_error(const std::function<void()>& body) {
  try {
    body();
  } catch (const CommunicationError& error) {
    return error.what();
  }
  return "";
}

TEST_F(CudaRanks, SayThatAnotherRankIsGone) {
  restart_with({.devices = 4, .faults = {.dead_rank = 1}});
  run_on_device_ranks(2, [](const DeviceRank& rank) {
    const Tensor values = on_device(rank, Tensor::full(DType::float32, {3}, 1));
    const std::string error = communication_error([&] {
      rank.ranks.all_reduce(rank.stream, values, "the gradient");
      synchronize(rank.stream);
    });
    EXPECT_NE(error.find(text(to_string(rank.stream.device), ": in the exchange")), std::string::npos)
        << error;
    EXPECT_NE(error.find("of the gradient: "), std::string::npos) << error;
    EXPECT_NE(error.find(rank.host.rank() == 0 ? "remote process exited" : "system error"), std::string::npos)
        << error;
    EXPECT_EQ(communication_error([&] { rank.ranks.all_reduce(rank.stream, values, "the gradient"); }),
              error);
  });
}

TEST_F(CudaRanks, GiveUpWaitingForOneThatNeverComes) {
  run_on_device_ranks(
      2,
      [](const DeviceRank& rank) {
        if (rank.host.rank() == 1) return;
        const Tensor values = on_device(rank, Tensor::full(DType::float32, {3}, 1));
        const std::string error = communication_error([&] {
          rank.ranks.all_reduce(rank.stream, values, "the gradient");
          synchronize(rank.stream);
        });
        EXPECT_NE(error.find("in the exchanges up to that of the gradient: "), std::string::npos) << error;
      },
      std::chrono::milliseconds(0));
}

/// Whose memory is not freed before.
TEST_F(CudaRanks, AnErrorEndsAnExchangeThatIsOnItsWay) {
  const auto fail = [](const DeviceRank& rank) {
    if (rank.host.rank() == 1) return;
    const Tensor values = on_device(rank, Tensor::full(DType::float32, {3}, 1));
    rank.ranks.start_all_reduce(rank.stream, values, "the gradient");
    throw Error("a mistake of this rank");
  };
  EXPECT_THROW(run_on_device_ranks(2, fail, std::chrono::milliseconds(0)), Error);
  expect_no_findings();
}

TEST_F(CudaRanks, RefuseWhatTheyCannotExchange) {
  run_on_device_ranks(2, [](const DeviceRank& rank) {
    const Tensor halves(DType::float16, {3}, rank.stream.device),
        values(DType::float32, {3}, rank.stream.device);
    EXPECT_THROW(rank.ranks.all_reduce(rank.stream, halves, "a test"), Error);
    EXPECT_THROW(rank.ranks.wait(rank.stream, values), Error);
    EXPECT_THROW(rank.ranks.all_reduce({}, values, "a test"), Error);
    EXPECT_THROW(rank.ranks.all_gather(rank.stream, {.part = values, .all = values}, "a test"), Error);
  });
  expect_no_findings();
}

std::string mistake(const std::string& device, LocalRank local) {
  try {
    choose_device(device, local);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST_F(CudaRanks, EachHasItsOwnDevice) {
  for (int rank = 0; rank < 4; ++rank)
    EXPECT_EQ(choose_device("cuda", {.rank = rank, .ranks = 4}), (Device{DeviceKind::cuda, rank}));
  EXPECT_EQ(choose_device("cuda:1", {.rank = 3, .ranks = 4}), (Device{DeviceKind::cuda, 1}));
  EXPECT_EQ(choose_device("auto", {.rank = 3, .ranks = 4}), Device{});
  const std::string error = mistake("cuda", {.rank = 0, .ranks = 5});
  EXPECT_NE(error.find("device 'cuda': 4 for the 5 ranks of this machine"), std::string::npos) << error;
  EXPECT_NE(mistake("cuda", {.rank = 4}), "");  // where the launcher does not tell how many there are
}

TEST_F(CudaRanks, AllComputeOnTheSameKindOfDevice) {
  std::atomic<int> refused = 0;
  run_on_ranks(2, [&](Communicator& host) {
    try {
      connect_devices(host, {host.rank() == 0 ? DeviceKind::cpu : DeviceKind::cuda, 0}, kPatience);
    } catch (const UserError&) {
      ++refused;
    }
    EXPECT_EQ(connect_devices(host, {}, kPatience), nullptr);
  });
  EXPECT_EQ(refused, 2);
}

}  // namespace
}  // namespace slipway::test
