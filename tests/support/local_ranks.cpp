#include "tests/support/local_ranks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace slipway::test {
namespace {

/// Where ranks meet: the last to arrive does what all have come for.
class Meeting {
 public:
  explicit Meeting(int ranks) : views_(static_cast<std::size_t>(ranks)) {}

  using Views = std::vector<std::vector<TensorView>>;  // by rank

  void attend(int rank, std::vector<TensorView> views, const std::function<void(const Views&)>& work) {
    std::unique_lock lock(mutex_);
    if (over_) throw CommunicationError("another rank is gone");
    views_[static_cast<std::size_t>(rank)] = std::move(views);
    const std::uint64_t round = round_;
    if (++arrived_ == views_.size()) {
      work(views_);
      arrived_ = 0;
      ++round_;
      changed_.notify_all();
      return;
    }
    changed_.wait(lock, [&] { return over_ || round_ != round; });
    if (round_ == round) throw CommunicationError("another rank is gone");
  }
  void end() {
    const std::lock_guard lock(mutex_);
    over_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Views views_;
  std::size_t arrived_ = 0;
  std::uint64_t round_ = 0;
  bool over_ = false;
};

std::size_t bytes_of(const TensorView& view) {
  return static_cast<std::size_t>(view.type.layout.extent(view.shape())) * size_of(view.dtype());
}

void sum_up(const Meeting::Views& ranks) {
  const TensorView& total = ranks[0][0];
  for (const std::vector<TensorView>& each : ranks)
    require(each[0].type == total.type, "all_reduce: ranks bring ", each[0].type, " and ", total.type);
  const auto add = [&]<class T, class Sum>() {
    for (std::size_t i = 0; i < bytes_of(total) / sizeof(T); ++i) {
      Sum sum{};
      for (const std::vector<TensorView>& each : ranks) sum += static_cast<Sum>(each[0].pointer<T>()[i]);
      total.pointer<T>()[i] = static_cast<T>(sum);
    }
  };
  switch (total.dtype()) {
    case DType::float32:
      add.operator()<float, float>();
      break;
    case DType::float64:
      add.operator()<double, double>();
      break;
    case DType::bfloat16:
      add.operator()<bfloat16, float>();
      break;
    case DType::int64:
      add.operator()<std::int64_t, std::int64_t>();
      break;
    default:
      throw Error(text("all_reduce: cannot sum ", total.type));
  }
  if (bytes_of(total) == 0) return;  // there may be no memory
  for (std::size_t r = 1; r < ranks.size(); ++r) std::memcpy(ranks[r][0].data, total.data, bytes_of(total));
}

/// What a rank does not get is left as nobody's.
void sum_slices(const Meeting::Views& ranks) {
  sum_up(ranks);
  const std::size_t bytes = bytes_of(ranks[0][0]), slice = bytes / ranks.size();
  if (bytes == 0) return;
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    std::byte* values = ranks[r][0].data;
    std::memset(values, 0xff, r * slice);
    std::memset(values + (r + 1) * slice, 0xff, bytes - (r + 1) * slice);
  }
}

void put_together(const Meeting::Views& ranks) {
  for (const std::vector<TensorView>& to : ranks) {
    for (std::size_t r = 0; r < ranks.size(); ++r) {
      const std::size_t bytes = bytes_of(ranks[r][0]);
      std::memcpy(to[1].data + r * bytes, ranks[r][0].data, bytes);
    }
  }
}

/// Takes the values of an exchange away when it starts, so that a result that is read too early is wrong, and
/// exchanges them when they are waited for.
class LocalCommunicator final : public Communicator {
 public:
  LocalCommunicator(Meeting& meeting, int rank, int size) : meeting_(meeting), rank_(rank), size_(size) {}
  ~LocalCommunicator() override { EXPECT_TRUE(started_.empty() || std::uncaught_exceptions() > 0); }
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void start_all_reduce(const Stream&, const TensorView& values, std::string_view) override {
    start(values, values, sum_up);
  }
  void start_reduce_scatter(const Stream&, const TensorView& values, std::string_view) override {
    slice_of(values);
    start(values, values, sum_slices);
  }
  void start_all_gather(const Stream&, const Gather& gather, std::string_view) override {
    start(gather.part, gather.all, put_together);
  }
  void wait(const Stream&, const TensorView& result) override {
    const auto found = std::find_if(started_.begin(), started_.end(), [&](const Started& one) {
      return one.result.data == result.data && one.result.type == result.type;
    });
    ASSERT_NE(found, started_.end()) << "no exchange with these values was started";
    const Started started = std::move(*found);
    started_.erase(found);
    std::vector<TensorView> views = {started.part};
    if (started.exchange == put_together) views.push_back(result);
    meeting_.attend(rank_, views, started.exchange);
    if (started.exchange != put_together) copy(started.part, result);
  }
  void broadcast(const Stream&, const Broadcast& broadcast, std::string_view) override {
    meeting_.attend(rank_, {broadcast.values}, [root = broadcast.root](const Meeting::Views& ranks) {
      const TensorView& from = ranks[static_cast<std::size_t>(root)][0];
      for (const std::vector<TensorView>& to : ranks) copy(from, to[0]);
    });
  }

 private:
  using Exchange = void (*)(const Meeting::Views&);
  struct Started {
    TensorView result;
    Tensor part;
    Exchange exchange;
  };

  void start(const TensorView& part, const TensorView& result, Exchange exchange) {
    Tensor taken(part.type);
    copy(part, taken);
    if (bytes_of(result) > 0) std::memset(result.data, 0xff, bytes_of(result));
    started_.push_back({result, std::move(taken), exchange});
  }
  static void copy(const TensorView& from, const TensorView& to) {
    if (bytes_of(from) > 0) std::memmove(to.data, from.data, bytes_of(from));
  }

  Meeting& meeting_;
  int rank_, size_;
  std::vector<Started> started_;
};

}  // namespace

void run_on_ranks(int ranks, const std::function<void(Communicator&)>& body) {
  Meeting meeting(ranks);
  std::vector<std::exception_ptr> failures(static_cast<std::size_t>(ranks));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        LocalCommunicator communicator(meeting, rank, ranks);
        body(communicator);
      } catch (...) {
        failures[static_cast<std::size_t>(rank)] = std::current_exception();
        meeting.end();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::exception_ptr consequence;
  for (const std::exception_ptr& failure : failures) {
    if (!failure) continue;
    try {
      std::rethrow_exception(failure);
    } catch (const CommunicationError&) {
      consequence = failure;
    }
  }
  if (consequence) std::rethrow_exception(consequence);
}

}  // namespace slipway::test
