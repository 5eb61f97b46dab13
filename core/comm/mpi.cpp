#include "core/comm/mpi.h"

#include <mpi.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <limits>
#include <thread>
#include <vector>

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
    default:
      throw Error(text("all_reduce: expects float32, float64 or int64, got ", dtype));
  }
}

/// MPI counts in int; whoever sends more than fits would have to send it in parts.
int mpi_count(std::int64_t count) {
  require(count <= std::numeric_limits<int>::max(), "MPI: ", count, " elements at once, at most ",
          std::numeric_limits<int>::max(), " are possible");
  return static_cast<int>(count);
}

class MpiCommunicator final : public Communicator {
 public:
  explicit MpiCommunicator(const MpiOptions& options);
  ~MpiCommunicator() override;

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void all_reduce(const Stream& stream, const TensorView& values, std::string_view phase) override;
  void all_gather(const Stream& stream, const Gather& gather, std::string_view phase) override;
  void broadcast(const Stream& stream, const Broadcast& broadcast, std::string_view phase) override;

 private:
  void check(int code, const char* call, std::string_view phase);
  void finish(MPI_Request request, const char* call, std::string_view phase);
  [[noreturn]] void fail(const std::string& what, std::string_view phase);
  std::vector<int> silent_ranks();

  MpiOptions options_;
  MPI_Comm ranks_ = MPI_COMM_NULL;
  MPI_Comm roll_call_ = MPI_COMM_NULL;  // so that its messages meet no others
  int rank_ = 0, size_ = 1;
  bool failed_ = false;
  char here_ = 1;
  std::vector<char> heard_;  // by rank; answers may come in as long as there is MPI
};

MpiCommunicator::MpiCommunicator(const MpiOptions& options) : options_(options) {
  int initialized = 0, provided = 0;
  MPI_Initialized(&initialized);
  require(initialized == 0, "MPI: this process has joined already");
  check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread", "the start");
  check(MPI_Comm_dup(MPI_COMM_WORLD, &ranks_), "MPI_Comm_dup", "the start");
  check(MPI_Comm_dup(MPI_COMM_WORLD, &roll_call_), "MPI_Comm_dup", "the start");
  for (const MPI_Comm communicator : {ranks_, roll_call_})
    MPI_Comm_set_errhandler(communicator, MPI_ERRORS_RETURN);
  MPI_Comm_rank(ranks_, &rank_);
  MPI_Comm_size(ranks_, &size_);
}

/// MPI_Finalize waits for all ranks: where they are not coming, it must not be called.
MpiCommunicator::~MpiCommunicator() {
  if (failed_ || std::uncaught_exceptions() > 0) return;
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

/// Waits, but neither forever nor at full speed: ranks may share processors.
void MpiCommunicator::finish(MPI_Request request, const char* call, std::string_view phase) {
  constexpr int kYields = 2000;
  const Clock::time_point deadline = Clock::now() + options_.timeout;
  for (int tries = 0;; ++tries) {
    int done = 0;
    check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), call, phase);
    if (done) return;
    if (tries < kYields) {
      std::this_thread::yield();
      continue;
    }
    std::this_thread::sleep_for(50us);
    if (Clock::now() < deadline) continue;
    std::string missing;
    for (const int silent : silent_ranks()) missing += text(missing.empty() ? "" : ", ", silent);
    fail(text("waited ", std::chrono::duration<double>(options_.timeout).count(), " s for the other ranks; ",
              missing.empty() ? "all answer, but wait for something else"
                              : "no sign of life from rank " + missing),
         phase);
  }
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

void MpiCommunicator::all_reduce(const Stream&, const TensorView& values, std::string_view phase) {
  expect_host(values);
  const int count = mpi_count(values.type.layout.extent(values.shape()));
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Iallreduce(MPI_IN_PLACE, values.data, count, mpi_type(values.dtype()), MPI_SUM, ranks_, &request),
        "MPI_Iallreduce", phase);
  finish(request, "MPI_Iallreduce", phase);
}

void MpiCommunicator::all_gather(const Stream&, const Gather& gather, std::string_view phase) {
  expect_host(gather.part);
  expect_host(gather.all);
  const int bytes = mpi_count(static_cast<std::int64_t>(gather.part.type.bytes()));
  require(gather.all.type.bytes() == gather.part.type.bytes() * static_cast<std::size_t>(size_),
          "all_gather: parts of ", gather.part.type, " from ", size_, " ranks don't make ", gather.all.type);
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Iallgather(gather.part.data, bytes, MPI_BYTE, gather.all.data, bytes, MPI_BYTE, ranks_, &request),
        "MPI_Iallgather", phase);
  finish(request, "MPI_Iallgather", phase);
}

void MpiCommunicator::broadcast(const Stream&, const Broadcast& broadcast, std::string_view phase) {
  expect_host(broadcast.values);
  const int bytes = mpi_count(static_cast<std::int64_t>(broadcast.values.type.bytes()));
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Ibcast(broadcast.values.data, bytes, MPI_BYTE, broadcast.root, ranks_, &request), "MPI_Ibcast",
        phase);
  finish(request, "MPI_Ibcast", phase);
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

void abandon_mpi(int status) {
  int initialized = 0, finalized = 0;
  MPI_Initialized(&initialized);
  MPI_Finalized(&finalized);
  if (initialized && !finalized) MPI_Abort(MPI_COMM_WORLD, status);
  std::_Exit(status);
}

}  // namespace slipway
