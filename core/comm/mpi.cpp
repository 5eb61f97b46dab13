#include "core/comm/mpi.h"

#include <mpi.h>

#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "core/comm/deadline.h"
#include "core/comm/mpi_algorithm.h"
#include "core/comm/mpi_recursive_doubling.h"
#include "core/comm/mpi_roll_call.h"

namespace slipway {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

std::string mpi_error_text(int code) {
  char message[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(code, message, &length);
  return {message, static_cast<std::size_t>(length)};
}

MPI_Datatype mpi_type(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return MPI_FLOAT;
    case DType::float64:
      return MPI_DOUBLE;
    case DType::int64:
      return MPI_INT64_T;
    case DType::bfloat16:
      return MPI_UINT16_T;  // for an operation of our own
    default:
      throw Error(text("all_reduce: expects float32, float64, bfloat16 or int64, got ", dtype));
  }
}

/// An operation of MPI: other += own.
void add_bfloat16(void* own, void* other, int* count, MPI_Datatype*) {
  const auto* x = static_cast<const bfloat16*>(own);
  auto* sum = static_cast<bfloat16*>(other);
  for (int i = 0; i < *count; ++i) sum[i] = bfloat16(static_cast<float>(sum[i]) + static_cast<float>(x[i]));
}

/// MPI counts in int; whoever sends more than fits would have to send it in parts.
int mpi_count(std::int64_t count) {
  require(count <= std::numeric_limits<int>::max(), "MPI: ", count, " elements at once, at most ",
          std::numeric_limits<int>::max(), " are possible");
  return static_cast<int>(count);
}

/// Bytes from which on an exchange is worth driving on while others compute, and a ring worth its many steps.
/// Whoever waits for as few as these has them sooner by himself.
constexpr std::size_t kFew = 64 << 10;

/// MPI is asked by one thread at a time: the one that trains, or the one that drives exchanges on meanwhile.
std::mutex& mpi_mutex() {
  static std::mutex mutex;
  return mutex;
}

class MpiCommunicator final : public Communicator {
 public:
  explicit MpiCommunicator(const MpiOptions& options);
  ~MpiCommunicator() override;

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void start_all_reduce(const Stream& stream, const TensorView& values, std::string_view phase) override;
  void all_reduce(const Stream& stream, const TensorView& values, std::string_view phase) override;
  void start_reduce_scatter(const Stream& stream, const TensorView& values, std::string_view phase) override;
  void start_all_gather(const Stream& stream, const Gather& gather, std::string_view phase) override;
  void wait(const Stream& stream, const TensorView& result) override;
  void broadcast(const Stream& stream, const Broadcast& broadcast, std::string_view phase) override;

 private:
  struct Exchange {
    std::vector<MPI_Request> requests;          // null once they are done
    std::optional<RecursiveDoubling> doubling;  // what comes after them
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
  void drive_on(std::size_t bytes);
  void finish(const void* result);
  void wait_longer(std::unique_lock<std::mutex>& lock, Exchange& exchange);
  Clock::time_point observed_time() const { return options_.observe ? Clock::now() : Clock::time_point{}; }
  void drive();
  bool test_all();
  bool test(Exchange& exchange);
  MPI_Op sum_of(DType dtype) const { return dtype == DType::bfloat16 ? bfloat16_sum_ : MPI_SUM; }
  void check(int code, const char* call, std::string_view phase);
  [[noreturn]] void fail(const std::string& what, std::string_view phase);
  std::string who_is_missing();

  MpiOptions options_;
  MPI_Comm ranks_ = MPI_COMM_NULL;
  std::optional<RollCall> roll_call_;
  MPI_Op bfloat16_sum_ = MPI_OP_NULL;
  std::optional<MpiAlgorithm> algorithm_;
  int rank_ = 0, size_ = 1;
  std::vector<DoublingStep> doubling_steps_;
  int last_tag_ = 0;
  bool failed_ = false;

  std::map<const void*, Exchange> exchanges_;  // that were not waited for yet, by where their result will lie
  bool over_ = false, waits_ = false;
  std::condition_variable started_;
  std::thread driver_;
};

MpiCommunicator::MpiCommunicator(const MpiOptions& options) : options_(options) {
  const Deadline deadline = exit_unless_ranks_come(options_.timeout, "MPI_Init_thread");
  const std::unique_lock lock(mpi_mutex());
  int initialized = 0, provided = 0;
  MPI_Initialized(&initialized);
  require(initialized == 0, "MPI: this process has joined already");
  check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided), "MPI_Init_thread", "the start");
  require(provided >= MPI_THREAD_SERIALIZED, mpi_library(), " serves one thread only, expected ",
          "MPI_THREAD_SERIALIZED");
  check(MPI_Comm_dup(MPI_COMM_WORLD, &ranks_), "MPI_Comm_dup", "the start");
  MPI_Comm_set_errhandler(ranks_, MPI_ERRORS_RETURN);
  roll_call_.emplace(ranks_);
  check(MPI_Op_create(add_bfloat16, /*commute=*/1, &bfloat16_sum_), "MPI_Op_create", "the start");
  algorithm_.emplace();
  MPI_Comm_rank(ranks_, &rank_);
  MPI_Comm_size(ranks_, &size_);
  doubling_steps_ = doubling_steps(rank_, size_);
  driver_ = std::thread([this] { drive(); });
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
  const Deadline deadline = exit_unless_ranks_come(options_.timeout, "MPI_Finalize");
  algorithm_.reset();
  MPI_Op_free(&bfloat16_sum_);
  roll_call_->end();
  MPI_Comm_free(&ranks_);
  MPI_Finalize();
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
  exchange.code = MPI_Testall(static_cast<int>(exchange.requests.size()), exchange.requests.data(), &done,
                              MPI_STATUSES_IGNORE);
  if (done != 0 && exchange.code == MPI_SUCCESS && exchange.doubling) {
    exchange.code = exchange.doubling->next(exchange.requests);
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
  for (const int silent : roll_call_->silent_ranks(options_.answer_time))
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
  const int count = mpi_count(values.type.layout.extent(values.shape()));
  const MPI_Datatype type = mpi_type(values.dtype());
  if (count == 0) return;
  const MPI_Op sum = sum_of(values.dtype());
  if (const std::size_t bytes = static_cast<std::size_t>(count) * size_of(values.dtype()); bytes <= kFew) {
    begin({values.data, "MPI_Isend", phase}, [&](Exchange& exchange) {
      constexpr int kTags = 32768;  // which every MPI has
      last_tag_ = (last_tag_ + 1) % kTags;
      exchange.doubling.emplace(
          ranks_, last_tag_, doubling_steps_,
          RecursiveDoubling::Values{values.data, count, static_cast<int>(bytes), type, sum});
      return exchange.doubling->next(exchange.requests);
    });
  } else {
    begin({values.data, "MPI_Iallreduce", phase}, [&](Exchange& exchange) {
      return MPI_Iallreduce(MPI_IN_PLACE, values.data, count, type, sum, ranks_,
                            &exchange.requests.emplace_back());
    });
  }
}

void MpiCommunicator::start_all_reduce(const Stream&, const TensorView& values, std::string_view phase) {
  begin_all_reduce(values, phase);
  drive_on(values.type.bytes());
}

void MpiCommunicator::all_reduce(const Stream& stream, const TensorView& values, std::string_view phase) {
  begin_all_reduce(values, phase);
  wait(stream, values);
}

/// A reduction to each rank: together they send what has to be sent, while Open MPI's
/// MPI_Ireduce_scatter_block sends everything through one rank.
void MpiCommunicator::start_reduce_scatter(const Stream&, const TensorView& values, std::string_view phase) {
  expect_host(values);
  const int count = mpi_count(slice_of(values));
  const MPI_Datatype type = mpi_type(values.dtype());
  if (count == 0) return;
  const std::size_t bytes = static_cast<std::size_t>(count) * size_of(values.dtype());
  begin({values.data, "MPI_Ireduce", phase}, [&](Exchange& exchange) {
    int code = MPI_SUCCESS;
    for (int root = 0; root < size_ && code == MPI_SUCCESS; ++root) {
      std::byte* slice = values.data + static_cast<std::size_t>(root) * bytes;
      const bool own = root == rank_;
      code = MPI_Ireduce(own ? MPI_IN_PLACE : slice, own ? slice : nullptr, count, type,
                         sum_of(values.dtype()), root, ranks_, &exchange.requests.emplace_back());
    }
    return code;
  });
  drive_on(values.type.bytes());
}

void MpiCommunicator::start_all_gather(const Stream&, const Gather& gather, std::string_view phase) {
  expect_host(gather.part);
  expect_host(gather.all);
  const int bytes = mpi_count(static_cast<std::int64_t>(gather.part.type.bytes()));
  require(gather.all.type.bytes() == gather.part.type.bytes() * static_cast<std::size_t>(size_),
          "all_gather: parts of ", gather.part.type, " from ", size_, " ranks don't make ", gather.all.type);
  if (bytes == 0) return;
  const bool in_place = gather.part.data == gather.all.data + static_cast<std::ptrdiff_t>(rank_) * bytes;
  begin({gather.all.data, "MPI_Iallgather", phase}, [&](Exchange& exchange) {
    return MPI_Iallgather(in_place ? MPI_IN_PLACE : gather.part.data, bytes, MPI_BYTE, gather.all.data, bytes,
                          MPI_BYTE, ranks_, &exchange.requests.emplace_back());
  });
  drive_on(gather.all.type.bytes());
}

void MpiCommunicator::wait(const Stream&, const TensorView& result) {
  if (result.type.bytes() > 0) finish(result.data);
}

void MpiCommunicator::broadcast(const Stream&, const Broadcast& broadcast, std::string_view phase) {
  expect_host(broadcast.values);
  const int bytes = mpi_count(static_cast<std::int64_t>(broadcast.values.type.bytes()));
  if (bytes == 0) return;
  begin({broadcast.values.data, "MPI_Ibcast", phase}, [&](Exchange& exchange) {
    return MPI_Ibcast(broadcast.values.data, bytes, MPI_BYTE, broadcast.root, ranks_,
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
  return std::make_unique<MpiCommunicator>(options);
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
