#include "core/comm/mpi.h"

#include <mpi.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "core/comm/deadline.h"
#include "core/comm/mpi_recursive_doubling.h"
#include "core/comm/mpi_ring.h"
#include "core/comm/mpi_session.h"
#include "core/comm/mpi_shared_exchange.h"
#include "core/comm/mpi_values.h"

namespace slipway {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

/// Bytes from which on an exchange is worth driving on while others compute, and a ring worth its many steps.
/// Whoever waits for as few as these has them sooner by himself.
constexpr std::size_t kFew = 64 << 10;

constexpr int kTags = 32768;  // which every MPI has

/// MPI is asked by one thread at a time: the one that trains, or the one that drives exchanges on meanwhile.
std::mutex& mpi_mutex() {
  static std::mutex mutex;
  return mutex;
}

class MpiCommunicator final : public Communicator {
 public:
  explicit MpiCommunicator(const MpiOptions& options);
  ~MpiCommunicator() override;

  /// Where that is possible. All ranks together, before any other exchange.
  void share_memory();

  int rank() const override { return session_->rank(); }
  int size() const override { return session_->size(); }
  void start_all_reduce(const Stream& stream, const TensorView& values, std::string_view phase) override;
  void all_reduce(const Stream& stream, const TensorView& values, std::string_view phase) override;
  void start_reduce_scatter(const Stream& stream, const TensorView& values, std::string_view phase) override;
  void start_all_gather(const Stream& stream, const Gather& gather, std::string_view phase) override;
  void wait(const Stream& stream, const TensorView& result) override;
  void broadcast(const Stream& stream, const Broadcast& broadcast, std::string_view phase) override;

 private:
  struct Exchange {
    std::vector<MPI_Request> requests;     // null once they are done
    std::unique_ptr<MpiSteps> steps;       // what comes after them, or null
    Buffer scratch;                        // of these
    std::optional<SharedExchange> shared;  // all of it, without messages
    int code = MPI_SUCCESS;
    const char* call = "";
    std::string phase;
    bool ended = false;
    Clock::time_point start, end;  // where somebody observes it
  };
  struct Call {
    const void* result;
    const char* name;
    std::string_view phase;
  };
  template <class Start>
  void begin(const Call& call, const Start& start);
  void begin_all_reduce(const TensorView& values, std::string_view phase);
  void begin_slices(const MpiValues& values, SliceExchange kind, std::string_view phase);
  Buffer take_scratch(std::size_t bytes);
  int next_tag() { return last_tag_ = (last_tag_ + 1) % kTags; }
  MpiValues mpi_values(const TensorView& values, std::int64_t count) const {
    return {.data = values.data,
            .count = count,
            .element_bytes = size_of(values.dtype()),
            .type = mpi_type(values.dtype()),
            .sum = session_->sum_of(values.dtype())};
  }
  void drive_on(std::size_t bytes);
  void finish(const void* result);
  void wait_longer(std::unique_lock<std::mutex>& lock, Exchange& exchange);
  Clock::time_point observed_time() const { return options_.observe ? Clock::now() : Clock::time_point{}; }
  void drive();
  bool test_all();
  bool test(Exchange& exchange);
  void check(int code, const char* call, std::string_view phase);
  [[noreturn]] void fail(const std::string& what, std::string_view phase);
  std::string who_is_missing();

  MpiOptions options_;
  std::optional<MpiSession> session_;
  std::vector<DoublingStep> doubling_steps_;
  int last_tag_ = 0;
  std::unique_ptr<SharedSlots> slots_;  // where ranks share memory
  std::vector<Buffer> scratch_;         // that no exchange needs at present
  bool failed_ = false;

  std::map<const void*, Exchange> exchanges_;  // that were not waited for yet, by where their result will lie
  bool over_ = false, waits_ = false;
  std::condition_variable started_;
  std::thread driver_;
};

MpiCommunicator::MpiCommunicator(const MpiOptions& options) : options_(options) {
  const std::unique_lock lock(mpi_mutex());
  session_.emplace(options_.timeout);
  doubling_steps_ = doubling_steps(rank(), size());
  driver_ = std::thread([this] { drive(); });
}

void MpiCommunicator::share_memory() {
  if (options_.share_memory && session_->on_one_machine() && size() > 1) slots_ = SharedSlots::make(*this);
}

/// MPI_Finalize waits for all ranks: where they are not coming, it must not be called.
MpiCommunicator::~MpiCommunicator() {
  {
    const std::unique_lock lock(mpi_mutex());
    over_ = true;
  }
  started_.notify_all();
  driver_.join();
  if (failed_ || std::uncaught_exceptions() > 0) return;
  session_->leave(options_.timeout);
}

void MpiCommunicator::fail(const std::string& what, std::string_view phase) {
  failed_ = true;
  throw CommunicationError(text("in the exchange of ", phase, ": ", what));
}

void MpiCommunicator::check(int code, const char* call, std::string_view phase) {
  if (code != MPI_SUCCESS) fail(text(call, ": ", mpi_error_text(code)), phase);
}

/// Whether it has ended, well or not.
bool MpiCommunicator::test(Exchange& exchange) {
  if (exchange.ended) return true;
  int done = 0;
  if (exchange.shared)
    done = exchange.shared->advance(exchange.code) ? 1 : 0;
  else
    exchange.code = MPI_Testall(static_cast<int>(exchange.requests.size()), exchange.requests.data(), &done,
                                MPI_STATUSES_IGNORE);
  if (done != 0 && exchange.code == MPI_SUCCESS && exchange.steps) {
    exchange.code = exchange.steps->next(exchange.requests);
    done = exchange.requests.empty() ? 1 : 0;
  }
  exchange.ended = done != 0 || exchange.code != MPI_SUCCESS;
  if (exchange.ended) exchange.end = observed_time();
  return exchange.ended;
}

/// Whether all have ended.
bool MpiCommunicator::test_all() {
  bool ended = true;
  for (auto& [result, exchange] : exchanges_) ended &= test(exchange);
  return ended;
}

/// Exchanges get on only while somebody asks MPI about them: this thread does, while another computes. It
/// asks seldom enough to leave that one its processor, and not at all while that one waits and asks itself.
void MpiCommunicator::drive() {
  std::unique_lock lock(mpi_mutex());
  while (!over_) {
    if (!waits_ && !test_all())
      started_.wait_for(lock, 100us, [this] { return over_; });
    else
      started_.wait(lock);
  }
}

/// It goes on by itself from drive_on() on.
template <class Start>
void MpiCommunicator::begin(const Call& call, const Start& start) {
  const std::unique_lock lock(mpi_mutex());
  Exchange exchange{.call = call.name, .phase = std::string(call.phase), .start = observed_time()};
  check(start(exchange), call.name, call.phase);
  const bool added = exchanges_.emplace(call.result, std::move(exchange)).second;
  require(added, call.name, ": an exchange with these values is on its way already");
}

void MpiCommunicator::drive_on(std::size_t bytes) {
  if (bytes > kFew) started_.notify_all();
}

/// Waits, but neither forever nor, after microseconds, at full speed: ranks may share processors.
void MpiCommunicator::finish(const void* result) {
  constexpr int kSpins = 200;
  const Clock::time_point called = observed_time();
  std::unique_lock lock(mpi_mutex());
  const auto found = exchanges_.find(result);
  require(found != exchanges_.end(), "MPI: no exchange with these values was started");
  waits_ = true;
  for (int spins = 0; !test(found->second) && spins < kSpins; ++spins) {
  }
  if (!found->second.ended) wait_longer(lock, found->second);
  waits_ = false;
  const auto node = exchanges_.extract(found);
  const Exchange& ended = node.mapped();
  if (!exchanges_.empty()) started_.notify_all();
  if (ended.scratch.data()) scratch_.push_back(ended.scratch);
  check(ended.code, ended.call, ended.phase);
  if (!options_.observe) return;
  const std::chrono::duration<double> waited = Clock::now() - called;
  options_.observe({ended.phase, ended.start, ended.end, waited.count()});
}

void MpiCommunicator::wait_longer(std::unique_lock<std::mutex>& lock, Exchange& exchange) {
  constexpr int kYields = 2000;
  const Clock::time_point deadline = Clock::now() + options_.timeout;
  if (options_.waits) options_.waits(exchange.phase);
  for (int tries = 0; !test(exchange); ++tries) {
    if (tries >= kYields && Clock::now() >= deadline) fail(who_is_missing(), exchange.phase);
    lock.unlock();
    if (tries < kYields)
      std::this_thread::yield();
    else
      std::this_thread::sleep_for(50us);
    lock.lock();
    test_all();
  }
  if (options_.waits) options_.waits("");
}

std::string MpiCommunicator::who_is_missing() {
  std::string missing;
  for (const int silent : session_->roll_call().silent_ranks(options_.answer_time))
    missing += text(missing.empty() ? "" : ", ", silent);
  return text(
      "waited ", std::chrono::duration<double>(options_.timeout).count(), " s for the other ranks; ",
      missing.empty() ? "all answer, but wait for something else" : "no sign of life from rank " + missing);
}

void expect_host(const TensorView& values) {
  require(values.device.is_host(), "MPI: exchanges values on the host, got some on ",
          to_string(values.device));
}

void MpiCommunicator::begin_all_reduce(const TensorView& values, std::string_view phase) {
  expect_host(values);
  const std::int64_t count = values.type.layout.extent(values.shape());
  const MpiValues all = mpi_values(values, count);
  if (count == 0) return;
  const std::size_t bytes = static_cast<std::size_t>(count) * all.element_bytes;
  if (bytes > kFew) return begin_slices(all, {.reduces = true, .gathers = true}, phase);
  begin({values.data, "MPI_Isend", phase}, [&](Exchange& exchange) {
    exchange.steps = std::make_unique<RecursiveDoubling>(
        session_->ranks(), next_tag(), doubling_steps_,
        RecursiveDoubling::Values{values.data, static_cast<int>(count), static_cast<int>(bytes), all.type,
                                  all.sum});
    return exchange.steps->next(exchange.requests);
  });
}

void MpiCommunicator::begin_slices(const MpiValues& values, SliceExchange kind, std::string_view phase) {
  mpi_count((values.count + size() - 1) / size());
  begin({values.data, slots_ ? "MPI_Reduce_local" : "MPI_Isend", phase}, [&](Exchange& exchange) {
    if (slots_) {
      exchange.shared.emplace(*slots_, kind, values);
      return MPI_SUCCESS;
    }
    exchange.scratch = take_scratch(Ring::scratch_bytes(values, size(), kind));
    exchange.steps =
        std::make_unique<Ring>(session_->ranks(), next_tag(), shard(), kind, values, exchange.scratch.data());
    return exchange.steps->next(exchange.requests);
  });
}

/// At least so many bytes. Once every exchange of a step has had some, nothing is allocated any more.
Buffer MpiCommunicator::take_scratch(std::size_t bytes) {
  if (bytes == 0) return {};
  const auto fits = std::find_if(scratch_.begin(), scratch_.end(),
                                 [&](const Buffer& scratch) { return scratch.bytes() >= bytes; });
  if (fits == scratch_.end()) return Buffer(Device{}, bytes);
  Buffer found = *fits;
  scratch_.erase(fits);
  return found;
}

void MpiCommunicator::start_all_reduce(const Stream&, const TensorView& values, std::string_view phase) {
  begin_all_reduce(values, phase);
  drive_on(values.type.bytes());
}

void MpiCommunicator::all_reduce(const Stream& stream, const TensorView& values, std::string_view phase) {
  begin_all_reduce(values, phase);
  wait(stream, values);
}

void MpiCommunicator::start_reduce_scatter(const Stream&, const TensorView& values, std::string_view phase) {
  expect_host(values);
  const std::int64_t count = slice_of(values) * size();
  const MpiValues all = mpi_values(values, count);
  if (count == 0) return;
  begin_slices(all, {.reduces = true}, phase);
  drive_on(values.type.bytes());
}

void MpiCommunicator::start_all_gather(const Stream&, const Gather& gather, std::string_view phase) {
  expect_host(gather.part);
  expect_host(gather.all);
  const std::size_t bytes = gather.part.type.bytes(), all_bytes = gather.all.type.bytes();
  require(all_bytes == bytes * static_cast<std::size_t>(size()), "all_gather: parts of ", gather.part.type,
          " from ", size(), " ranks don't make ", gather.all.type);
  if (bytes == 0) return;
  std::byte* const own = gather.all.data + static_cast<std::size_t>(rank()) * bytes;
  if (gather.part.data != own) std::memcpy(own, gather.part.data, bytes);
  if (all_bytes > kFew) {
    begin_slices({.data = gather.all.data,
                  .count = static_cast<std::int64_t>(all_bytes),
                  .element_bytes = 1,
                  .type = MPI_BYTE},
                 {.gathers = true}, phase);
    return drive_on(all_bytes);
  }
  begin({gather.all.data, "MPI_Iallgather", phase}, [&](Exchange& exchange) {
    return MPI_Iallgather(MPI_IN_PLACE, static_cast<int>(bytes), MPI_BYTE, gather.all.data,
                          static_cast<int>(bytes), MPI_BYTE, session_->ranks(),
                          &exchange.requests.emplace_back());
  });
}

void MpiCommunicator::wait(const Stream&, const TensorView& result) {
  if (result.type.bytes() > 0) finish(result.data);
}

void MpiCommunicator::broadcast(const Stream&, const Broadcast& broadcast, std::string_view phase) {
  expect_host(broadcast.values);
  const int bytes = mpi_count(static_cast<std::int64_t>(broadcast.values.type.bytes()));
  if (bytes == 0) return;
  begin({broadcast.values.data, "MPI_Ibcast", phase}, [&](Exchange& exchange) {
    return MPI_Ibcast(broadcast.values.data, bytes, MPI_BYTE, broadcast.root, session_->ranks(),
                      &exchange.requests.emplace_back());
  });
  finish(broadcast.values.data);
}

}  // namespace

std::string mpi_library() {
  char version[MPI_MAX_LIBRARY_VERSION_STRING] = {};
  int length = 0;
  MPI_Get_library_version(version, &length);
  const std::string all(version, static_cast<std::size_t>(length));
  return all.substr(0, all.find_first_of(",\n"));
}

std::unique_ptr<Communicator> join_mpi(const MpiOptions& options) {
  auto ranks = std::make_unique<MpiCommunicator>(options);
  ranks->share_memory();
  return ranks;
}

void mpi_all_reduce(std::span<float> values) {
  const std::unique_lock lock(mpi_mutex());
  const int count = mpi_count(static_cast<std::int64_t>(values.size()));
  MPI_Allreduce(MPI_IN_PLACE, values.data(), count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
}

void abandon_mpi(int status) {
  constexpr auto kLongest = 2s;  // where the launcher can't be reached
  const Deadline deadline(kLongest, [status] { std::_Exit(status); });
  const std::unique_lock lock(mpi_mutex());
  int initialized = 0, finalized = 0;
  MPI_Initialized(&initialized);
  MPI_Finalized(&finalized);
  if (initialized && !finalized) MPI_Abort(MPI_COMM_WORLD, status);
  std::_Exit(status);
}

}  // namespace slipway
