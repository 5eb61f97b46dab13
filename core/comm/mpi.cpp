#include "core/comm/mpi.h"

#include <mpi.h>

#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "core/comm/deadline.h"
#include "core/comm/mpi_algorithm.h"

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
  void start_reduce_scatter(const Stream& stream, const TensorView& values, std::string_view phase) override;
  void start_all_gather(const Stream& stream, const Gather& gather, std::string_view phase) override;
  void wait(const Stream& stream, const TensorView& result) override;
  void broadcast(const Stream& stream, const Broadcast& broadcast, std::string_view phase) override;

 private:
  struct Exchange {
    std::vector<MPI_Request> requests;  // null once they are done
    int code = MPI_SUCCESS;
    const char* call = "";
    std::string phase;
    Clock::time_point start = Clock::now(), end = {};
  };
  using Requests = std::vector<MPI_Request>;
  using Start = std::function<int(Requests&)>;
  struct Call {
    const void* result;
    std::size_t bytes;
    const char* name;
    std::string_view phase;
  };
  void start(const Call& call, const Start& start);
  void finish(const void* result);
  void drive();
  bool test_all();
  bool test(Exchange& exchange);
  MPI_Op sum_of(DType dtype) const { return dtype == DType::bfloat16 ? bfloat16_sum_ : MPI_SUM; }
  void check(int code, const char* call, std::string_view phase);
  [[noreturn]] void fail(const std::string& what, std::string_view phase);
  std::string who_is_missing();
  std::vector<int> silent_ranks();

  MpiOptions options_;
  MPI_Comm ranks_ = MPI_COMM_NULL;
  MPI_Comm roll_call_ = MPI_COMM_NULL;  // so that its messages meet no others
  MPI_Op bfloat16_sum_ = MPI_OP_NULL;
  std::optional<MpiAlgorithm> algorithm_;
  int rank_ = 0, size_ = 1;
  bool failed_ = false;
  char here_ = 1;
  std::vector<char> heard_;  // by rank; answers may come in as long as there is MPI

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
  check(MPI_Comm_dup(MPI_COMM_WORLD, &roll_call_), "MPI_Comm_dup", "the start");
  for (const MPI_Comm communicator : {ranks_, roll_call_})
    MPI_Comm_set_errhandler(communicator, MPI_ERRORS_RETURN);
  check(MPI_Op_create(add_bfloat16, /*commute=*/1, &bfloat16_sum_), "MPI_Op_create", "the start");
  algorithm_.emplace();
  MPI_Comm_rank(ranks_, &rank_);
  MPI_Comm_size(ranks_, &size_);
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
  MPI_Comm_free(&roll_call_);
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
  int done = 0;
  if (exchange.code == MPI_SUCCESS)
    exchange.code = MPI_Testall(static_cast<int>(exchange.requests.size()), exchange.requests.data(), &done,
                                MPI_STATUSES_IGNORE);
  const bool ended = done != 0 || exchange.code != MPI_SUCCESS;
  if (ended && exchange.end == Clock::time_point{}) exchange.end = Clock::now();
  return ended;
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

void MpiCommunicator::start(const Call& call, const Start& start) {
  constexpr std::size_t kLeastToDrive = 64 << 10;  // whoever waits for fewer bytes has them sooner by himself
  {
    const std::unique_lock lock(mpi_mutex());
    Exchange exchange{.call = call.name, .phase = std::string(call.phase)};
    check(start(exchange.requests), call.name, call.phase);
    const bool added = exchanges_.emplace(call.result, std::move(exchange)).second;
    require(added, call.name, ": an exchange with these values is on its way already");
  }
  if (call.bytes >= kLeastToDrive) started_.notify_all();
}

/// Waits, but neither forever nor at full speed: ranks may share processors.
void MpiCommunicator::finish(const void* result) {
  constexpr int kYields = 2000;
  const Clock::time_point called = Clock::now(), deadline = called + options_.timeout;
  std::unique_lock lock(mpi_mutex());
  const auto found = exchanges_.find(result);
  require(found != exchanges_.end(), "MPI: no exchange with these values was started");
  Exchange& exchange = found->second;
  waits_ = true;
  for (int tries = 0; !test(exchange); ++tries) {
    if (tries == 0 && options_.waits) options_.waits(exchange.phase);
    if (tries >= kYields && Clock::now() >= deadline) fail(who_is_missing(), exchange.phase);
    lock.unlock();
    if (tries < kYields)
      std::this_thread::yield();
    else
      std::this_thread::sleep_for(50us);
    lock.lock();
    test_all();
  }
  waits_ = false;
  const Exchange ended = std::move(exchange);
  exchanges_.erase(found);
  if (!exchanges_.empty()) started_.notify_all();
  check(ended.code, ended.call, ended.phase);
  const std::chrono::duration<double> waited = Clock::now() - called;
  if (options_.waits) options_.waits("");
  if (options_.observe) options_.observe({ended.phase, ended.start, ended.end, waited.count()});
}

std::string MpiCommunicator::who_is_missing() {
  std::string missing;
  for (const int silent : silent_ranks()) missing += text(missing.empty() ? "" : ", ", silent);
  return text(
      "waited ", std::chrono::duration<double>(options_.timeout).count(), " s for the other ranks; ",
      missing.empty() ? "all answer, but wait for something else" : "no sign of life from rank " + missing);
}

/// Tells every rank that this one is alive and waits for them to tell it.
std::vector<int> MpiCommunicator::silent_ranks() {
  const auto count = static_cast<std::size_t>(size_);
  heard_.assign(count, 0);
  std::vector<MPI_Request> answers(count, MPI_REQUEST_NULL), calls(count, MPI_REQUEST_NULL);
  for (int other = 0; other < size_; ++other) {
    if (other == rank_) continue;
    const auto i = static_cast<std::size_t>(other);
    MPI_Irecv(&heard_[i], 1, MPI_CHAR, other, 0, roll_call_, &answers[i]);
    MPI_Isend(&here_, 1, MPI_CHAR, other, 0, roll_call_, &calls[i]);
  }
  const Clock::time_point deadline = Clock::now() + options_.answer_time;
  std::vector<int> silent;
  do {
    std::this_thread::sleep_for(1ms);
    silent.clear();
    for (int other = 0; other < size_; ++other) {
      int done = 0;
      MPI_Request& answer = answers[static_cast<std::size_t>(other)];  // null once it has come
      if (MPI_Test(&answer, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS || !done) silent.push_back(other);
    }
  } while (!silent.empty() && Clock::now() < deadline);
  return silent;
}

void expect_host(const TensorView& values) {
  require(values.device.is_host(), "MPI: exchanges values on the host, got some on ",
          to_string(values.device));
}

void MpiCommunicator::start_all_reduce(const Stream&, const TensorView& values, std::string_view phase) {
  expect_host(values);
  const int count = mpi_count(values.type.layout.extent(values.shape()));
  const MPI_Datatype type = mpi_type(values.dtype());
  if (count == 0) return;
  const std::size_t bytes = static_cast<std::size_t>(count) * size_of(values.dtype());
  start({values.data, bytes, "MPI_Iallreduce", phase}, [&](Requests& requests) {
    algorithm_->choose(bytes);
    return MPI_Iallreduce(MPI_IN_PLACE, values.data, count, type, sum_of(values.dtype()), ranks_,
                          &requests.emplace_back());
  });
}

/// A reduction to each rank: together they send what has to be sent, while Open MPI's
/// MPI_Ireduce_scatter_block sends everything through one rank.
void MpiCommunicator::start_reduce_scatter(const Stream&, const TensorView& values, std::string_view phase) {
  expect_host(values);
  const int count = mpi_count(slice_of(values));
  const MPI_Datatype type = mpi_type(values.dtype());
  if (count == 0) return;
  const std::size_t bytes = static_cast<std::size_t>(count) * size_of(values.dtype());
  start({values.data, bytes, "MPI_Ireduce", phase}, [&](Requests& requests) {
    int code = MPI_SUCCESS;
    for (int root = 0; root < size_ && code == MPI_SUCCESS; ++root) {
      std::byte* slice = values.data + static_cast<std::size_t>(root) * bytes;
      const bool own = root == rank_;
      code = MPI_Ireduce(own ? MPI_IN_PLACE : slice, own ? slice : nullptr, count, type,
                         sum_of(values.dtype()), root, ranks_, &requests.emplace_back());
    }
    return code;
  });
}

void MpiCommunicator::start_all_gather(const Stream&, const Gather& gather, std::string_view phase) {
  expect_host(gather.part);
  expect_host(gather.all);
  const int bytes = mpi_count(static_cast<std::int64_t>(gather.part.type.bytes()));
  require(gather.all.type.bytes() == gather.part.type.bytes() * static_cast<std::size_t>(size_),
          "all_gather: parts of ", gather.part.type, " from ", size_, " ranks don't make ", gather.all.type);
  if (bytes == 0) return;
  const bool in_place = gather.part.data == gather.all.data + static_cast<std::ptrdiff_t>(rank_) * bytes;
  start({gather.all.data, gather.all.type.bytes(), "MPI_Iallgather", phase}, [&](Requests& requests) {
    return MPI_Iallgather(in_place ? MPI_IN_PLACE : gather.part.data, bytes, MPI_BYTE, gather.all.data, bytes,
                          MPI_BYTE, ranks_, &requests.emplace_back());
  });
}

void MpiCommunicator::wait(const Stream&, const TensorView& result) {
  if (result.type.bytes() > 0) finish(result.data);
}

void MpiCommunicator::broadcast(const Stream&, const Broadcast& broadcast, std::string_view phase) {
  expect_host(broadcast.values);
  const int bytes = mpi_count(static_cast<std::int64_t>(broadcast.values.type.bytes()));
  if (bytes == 0) return;
  start({broadcast.values.data, broadcast.values.type.bytes(), "MPI_Ibcast", phase}, [&](Requests& requests) {
    return MPI_Ibcast(broadcast.values.data, bytes, MPI_BYTE, broadcast.root, ranks_,
                      &requests.emplace_back());
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
