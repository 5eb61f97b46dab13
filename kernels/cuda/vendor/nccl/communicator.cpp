#include <cuda_runtime_api.h>
#include <nccl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "core/comm/deadline.h"
#include "core/tensor/event.h"
#include "kernels/cuda/host_wait.h"
#include "kernels/cuda/vendor/ranks.h"

namespace slipway::cuda {
namespace {

ncclDataType_t nccl_type(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return ncclFloat32;
    case DType::float64:
      return ncclFloat64;
    case DType::bfloat16:
      return ncclBfloat16;
    case DType::int64:
      return ncclInt64;
    default:
      throw Error(text("all_reduce: expects float32, float64, bfloat16 or int64, got ", dtype));
  }
}

/// Of values on the device; those on the host go to the communicator that it was made from. Exchanges run in
/// a stream of their own, one after another; events order them with the streams that start and await them,
/// which a capture records as a fork and a join.
class NcclCommunicator final : public Communicator {
 public:
  NcclCommunicator(Device device, const RankConnection& connection);
  ~NcclCommunicator() override;
  NcclCommunicator(const NcclCommunicator&) = delete;
  NcclCommunicator& operator=(const NcclCommunicator&) = delete;

  int rank() const override { return host_.rank(); }
  int size() const override { return host_.size(); }
  void start_all_reduce(const Stream& stream, const TensorView& values, std::string_view phase) override;
  void start_reduce_scatter(const Stream& stream, const TensorView& values, std::string_view phase) override;
  void start_all_gather(const Stream& stream, const Gather& gather, std::string_view phase) override;
  void wait(const Stream& stream, const TensorView& result) override;
  void broadcast(const Stream& stream, const Broadcast& broadcast, std::string_view phase) override;

 private:
  using Enqueue = std::function<ncclResult_t(ncclComm_t, cudaStream_t)>;
  void start(const Stream& stream, const TensorView& result, std::string_view phase, const Enqueue& enqueue);
  void check(ncclResult_t result, const char* call, std::string_view phase);
  void check_wait(std::chrono::steady_clock::duration waited);
  [[noreturn]] void fail(const std::string& what);
  void expect_here(const Stream& stream, const TensorView& values) const;
  Event take_event();

  Device device_;
  Communicator& host_;
  std::chrono::milliseconds timeout_;
  Queue queue_;
  Stream stream_;                                // of the exchanges
  Event ready_;                                  // what the next exchange has to wait for
  std::map<const std::byte*, Event> exchanges_;  // that were not waited for yet: their ends, by their results
  std::vector<Event> unused_;

  std::mutex mutex_;  // of what follows: threads other than that of the exchanges may wait for the device
  ncclComm_t ranks_ = nullptr;       // null at first, and after a failure
  std::string phase_ = "the start";  // of the exchange that was started last
  std::string failure_;
  std::optional<HostWaitGuard> guard_;
};

ncclUniqueId shared_id(Communicator& host, Device device) {
  ncclUniqueId id{};
  if (host.rank() == 0) {
    const ncclResult_t result = ncclGetUniqueId(&id);
    require(result == ncclSuccess, to_string(device), ": ncclGetUniqueId: ", ncclGetErrorString(result));
  }
  const TensorView bytes{reinterpret_cast<std::byte*>(&id), {DType::uint8, Shape{sizeof id}}};
  host.broadcast({}, {.values = bytes}, "the identifier of NCCL's communicator");
  return id;
}

#ifdef SLIPWAY_SIMULATED
/// A simulated device is known to its own process only.
void expect_one_process(Communicator& host) {
  const Tensor all(DType::int64, Shape{host.size()});
  host.all_gather({}, {.part = Tensor::scalar(std::int64_t{getpid()}), .all = all}, "the processes");
  for (const std::int64_t process : all.as<std::int64_t>())
    require_user(process == getpid(), "simulated GPUs connect ranks of one process only, got ", host.size(),
                 " processes; expected --device cpu");
}
#else
void expect_one_process(Communicator&) {}
#endif

NcclCommunicator::NcclCommunicator(Device device, const RankConnection& connection)
    : device_(device),
      host_(connection.host),
      timeout_(connection.timeout),
      queue_(device),
      stream_{.device = device, .native = queue_.native()},
      ready_(device) {
  expect_one_process(host_);
  const ncclUniqueId id = shared_id(host_, device);
  require(cudaSetDevice(device.index) == cudaSuccess, to_string(device), ": cudaSetDevice failed");
  guard_.emplace(device, [this](std::chrono::steady_clock::duration waited) { check_wait(waited); });
  ncclComm_t ranks = nullptr;
  const ncclResult_t result = [&] {
    // Connecting takes a second or two, however little an exchange may take.
    const auto timeout = std::max<std::chrono::milliseconds>(timeout_, std::chrono::seconds(10));
    const Deadline deadline = exit_unless_ranks_come(timeout, "ncclCommInitRank");
    return ncclCommInitRank(&ranks, host_.size(), id, host_.rank());
  }();
  const std::lock_guard lock(mutex_);
  check(result, "ncclCommInitRank", "the start");
  ranks_ = ranks;
}

/// Where the others are not coming, it must not wait for them.
NcclCommunicator::~NcclCommunicator() {
  guard_.reset();
  if (!ranks_ || cudaSetDevice(device_.index) != cudaSuccess) return;
  if (std::uncaught_exceptions() > 0)
    ncclCommAbort(ranks_);
  else
    ncclCommDestroy(ranks_);
}

/// Ends what is on its way, so that whoever waits for the device comes to an end. With mutex_ held.
void NcclCommunicator::fail(const std::string& what) {
  failure_ = text(to_string(device_), ": ", what);
  if (const ncclComm_t ranks = std::exchange(ranks_, nullptr)) ncclCommAbort(ranks);
  throw CommunicationError(failure_);
}

void NcclCommunicator::check(ncclResult_t result, const char* call, std::string_view phase) {
  if (result == ncclSuccess) return;
  const std::string reason = ncclGetErrorString(result), details = ncclGetLastError(ranks_);
  fail(text("in the exchange of ", phase, ": ", call, ": ", reason, details.empty() ? "" : "; ", details));
}

void NcclCommunicator::check_wait(std::chrono::steady_clock::duration waited) {
  const std::lock_guard lock(mutex_);
  if (!failure_.empty()) throw CommunicationError(failure_);
  if (!ranks_) return;  // not yet
  const auto where = [this] { return text("in the exchanges up to that of ", phase_, ": "); };
  ncclResult_t error = ncclSuccess;
  const ncclResult_t asked = ncclCommGetAsyncError(ranks_, &error);
  if (asked != ncclSuccess) error = asked;
  if (error != ncclSuccess && error != ncclInProgress) fail(where() + ncclGetErrorString(error));
  if (waited > timeout_)
    fail(text(where(), "waited ", std::chrono::duration<double>(timeout_).count(),
              " s for the device, and it for the other ranks"));
}

void NcclCommunicator::expect_here(const Stream& stream, const TensorView& values) const {
  require(stream.device == device_ && values.device == device_, "NCCL: exchanges values on ",
          to_string(device_), ", got some on ", to_string(values.device), " in a stream of ",
          to_string(stream.device));
}

Event NcclCommunicator::take_event() {
  if (unused_.empty()) return Event(device_);
  Event event = std::move(unused_.back());
  unused_.pop_back();
  return event;
}

void NcclCommunicator::start(const Stream& stream, const TensorView& result, std::string_view phase,
                             const Enqueue& enqueue) {
  ready_.record(stream);
  ready_.hold(stream_);
  {
    const std::lock_guard lock(mutex_);
    if (!failure_.empty()) throw CommunicationError(failure_);
    phase_ = phase;
    check(enqueue(ranks_, static_cast<cudaStream_t>(stream_.native)), "NCCL", phase);
  }
  Event done = take_event();
  done.record(stream_);
  // One that is there already was part of a capture that came to nothing.
  exchanges_.insert_or_assign(result.data, std::move(done));
}

void NcclCommunicator::start_all_reduce(const Stream& stream, const TensorView& values,
                                        std::string_view phase) {
  if (values.device.is_host()) return host_.start_all_reduce(stream, values, phase);
  expect_here(stream, values);
  const auto count = static_cast<std::size_t>(values.type.layout.extent(values.shape()));
  const ncclDataType_t type = nccl_type(values.dtype());
  if (count == 0) return;
  start(stream, values, phase, [&](ncclComm_t ranks, cudaStream_t queue) {
    return ncclAllReduce(values.data, values.data, count, type, ncclSum, ranks, queue);
  });
}

void NcclCommunicator::start_reduce_scatter(const Stream& stream, const TensorView& values,
                                            std::string_view phase) {
  if (values.device.is_host()) return host_.start_reduce_scatter(stream, values, phase);
  expect_here(stream, values);
  const auto count = static_cast<std::size_t>(slice_of(values));
  const ncclDataType_t type = nccl_type(values.dtype());
  if (count == 0) return;
  std::byte* own = values.data + static_cast<std::size_t>(rank()) * count * size_of(values.dtype());
  start(stream, values, phase, [&](ncclComm_t ranks, cudaStream_t queue) {
    return ncclReduceScatter(values.data, own, count, type, ncclSum, ranks, queue);
  });
}

void NcclCommunicator::start_all_gather(const Stream& stream, const Gather& gather, std::string_view phase) {
  if (gather.all.device.is_host()) return host_.start_all_gather(stream, gather, phase);
  expect_here(stream, gather.part);
  expect_here(stream, gather.all);
  const std::size_t bytes = gather.part.type.bytes();
  require(gather.all.type.bytes() == bytes * static_cast<std::size_t>(size()), "all_gather: parts of ",
          gather.part.type, " from ", size(), " ranks don't make ", gather.all.type);
  if (bytes == 0) return;
  start(stream, gather.all, phase, [&](ncclComm_t ranks, cudaStream_t queue) {
    return ncclAllGather(gather.part.data, gather.all.data, bytes, ncclUint8, ranks, queue);
  });
}

void NcclCommunicator::wait(const Stream& stream, const TensorView& result) {
  if (result.device.is_host()) return host_.wait(stream, result);
  expect_here(stream, result);
  if (result.type.bytes() == 0) return;
  const auto found = exchanges_.find(result.data);
  require(found != exchanges_.end(), "NCCL: no exchange with these values was started");
  found->second.hold(stream);
  unused_.push_back(std::move(found->second));
  exchanges_.erase(found);
}

void NcclCommunicator::broadcast(const Stream& stream, const Broadcast& broadcast, std::string_view phase) {
  const TensorView& values = broadcast.values;
  if (values.device.is_host()) return host_.broadcast(stream, broadcast, phase);
  expect_here(stream, values);
  const std::size_t bytes = values.type.bytes();
  if (bytes == 0) return;
  start(stream, values, phase, [&](ncclComm_t ranks, cudaStream_t queue) {
    return ncclBroadcast(values.data, values.data, bytes, ncclUint8, broadcast.root, ranks, queue);
  });
  wait(stream, values);
}

}  // namespace

std::unique_ptr<Communicator> connect_ranks(Device device, const RankConnection& connection) {
  return std::make_unique<NcclCommunicator>(device, connection);
}

}  // namespace slipway::cuda
