#include <algorithm>
#include <cstring>

#include "core/base/error.h"
#include "kernels/simt/arena.h"
#include "kernels/simt/nccl/communicator.h"
#include "kernels/simt/nccl/reduction.h"
#include "kernels/simt/report.h"
#include "kernels/simt/runtime/call.h"
#include "kernels/simt/settings.h"

// Collectives: a rank's part is enqueued in its stream, and all parts run as one.
namespace slipway::simt {
namespace {

// Simulated time, for programs that measure.
constexpr double kStartMicroseconds = 5;
constexpr double kLinkBytes = 100e3;  // a microsecond

struct Sizes {
  std::size_t send = 0;  // bytes
  std::size_t receive = 0;
};

Sizes sizes_of(const ncclComm& rank, const CollectiveCall& call) {
  const std::size_t bytes = call.count * size_of(call.type);
  const auto ranks = static_cast<std::size_t>(rank.ranks());
  const bool is_root = rank.rank == call.root;
  switch (call.kind) {
    case CollectiveKind::all_reduce:
      return {bytes, bytes};
    case CollectiveKind::reduce:
      return {bytes, is_root ? bytes : 0};
    case CollectiveKind::reduce_scatter:
      return {bytes * ranks, bytes};
    case CollectiveKind::all_gather:
      return {bytes, bytes * ranks};
    case CollectiveKind::broadcast:
      return {is_root ? bytes : 0, bytes};
  }
  return {};
}

Region region_of(const Machine& machine, const ncclComm& rank, const CollectiveCall& call,
                 const void* pointer, std::size_t bytes) {
  if (bytes == 0) return {};
  const auto allocation = machine.memory.find(pointer);
  expect(allocation && !allocation->retired && allocation->kind == MemoryKind::device, ncclInvalidArgument);
  const auto offset = static_cast<std::size_t>(static_cast<const std::byte*>(pointer) - allocation->data);
  expect(bytes <= allocation->bytes - offset, ncclInvalidArgument);
  if (allocation->device != rank.device) {
    report({.kind = "wrong device",
            .message = text(call.name, " of rank ", rank.rank, " on device ", rank.device, " is given ",
                            describe(*allocation)),
            .pc = call.caller});
    throw NcclFailure{ncclInvalidArgument};
  }
  return {allocation, offset, bytes};
}

std::string describe(const CollectiveCall& call) {
  return text(call.name, " of ", call.count, " elements of type ", static_cast<int>(call.type),
              ", operation ", static_cast<int>(call.op), ", root ", call.root);
}

bool match(const CollectiveCall& a, const CollectiveCall& b) {
  return a.kind == b.kind && a.count == b.count && a.type == b.type && a.op == b.op && a.root == b.root;
}

void check_against_others(Clique& clique, Round& round, int rank) {
  const Round::Part& own = *round.parts[static_cast<std::size_t>(rank)];
  for (std::size_t other = 0; other < round.parts.size(); ++other) {
    const auto& part = round.parts[other];
    if (!part || static_cast<int>(other) == rank) continue;
    if (part->thread == own.thread && !(part->grouped && own.grouped)) {
      report({.kind = "ungrouped call",
              .message = text(own.call.name, ": one thread calls for ranks ", other, " and ", rank,
                              " outside of a group; the first call may wait for the second for ever"),
              .pc = own.call.caller});
    }
    if (match(part->call, own.call) || round.spoiled) continue;
    round.spoiled = true;
    clique.error = ncclInvalidUsage;
    report({.kind = "mismatched collective",
            .message = text("rank ", rank, " calls ", describe(own.call), "; rank ", other, " calls ",
                            describe(part->call)),
            .pc = own.call.caller});
  }
}

std::shared_ptr<Round> make_round(const std::shared_ptr<Clique>& clique) {
  auto round = std::make_shared<Round>();
  round->parts.resize(clique->members.size());
  round->meeting = std::make_shared<Meeting>();
  round->meeting->expected = clique->members.size();
  round->meeting->may_complete = [clique, round = round.get()] {
    for (std::size_t rank = 0; rank < round->parts.size(); ++rank) {
      if (round->parts[rank]) continue;
      const auto& member = clique->members[rank];
      if (!member) continue;  // its initialisation is still to come
      const bool dead = !member->alive || static_cast<int>(rank) == settings().faults.dead_rank;
      if (dead || machine().is_idle(member->thread)) return false;
    }
    return true;
  };
  return round;
}

void copy_to(const CollectiveCall& call, const std::byte* from, std::size_t bytes) {
  if (bytes == 0) return;
  std::memcpy(call.receive, from, bytes);
  mark_initialised(call.receive, bytes);
}

/// Moves the data, once every rank's turn has come. Ranks may receive where they send from.
void perform(const Round& round) {
  const CollectiveCall& first = round.parts.front()->call;
  const std::size_t bytes = first.count * size_of(first.type), ranks = round.parts.size();
  if (bytes == 0) return;
  std::vector<const void*> sources;
  for (const auto& part : round.parts) sources.push_back(part->call.send);
  const bool scatters = first.kind == CollectiveKind::reduce_scatter;
  std::vector<std::byte> result(bytes * ranks);
  switch (first.kind) {
    case CollectiveKind::all_gather:
      for (std::size_t rank = 0; rank < ranks; ++rank)
        std::memcpy(&result[rank * bytes], sources[rank], bytes);
      break;
    case CollectiveKind::broadcast:
      std::memcpy(result.data(), sources[static_cast<std::size_t>(first.root)], bytes);
      break;
    default:
      reduce({first.type, first.op, scatters ? first.count * ranks : first.count}, sources, result.data());
  }
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    const bool receives = first.kind != CollectiveKind::reduce || static_cast<int>(rank) == first.root;
    if (!receives) continue;
    copy_to(round.parts[rank]->call, &result[scatters ? rank * bytes : 0],
            first.kind == CollectiveKind::all_gather ? bytes * ranks : bytes);
  }
}

/// The rank's next call meets the others' of that number.
Participation join_round(ncclComm& rank, const Round::Part& part) {
  const auto clique = rank.clique;
  const std::uint64_t number = rank.calls++;
  auto& round = clique->rounds[number];
  if (!round) round = make_round(clique);
  round->parts[static_cast<std::size_t>(rank.rank)] = part;
  check_against_others(*clique, *round, rank.rank);
  const auto joined = round;
  const bool complete = std::all_of(joined->parts.begin(), joined->parts.end(),
                                    [](const auto& one) { return one.has_value(); });
  if (complete) clique->rounds.erase(number);
  return {joined->meeting, [joined] {
            const bool last = ++joined->executed == joined->parts.size();
            if (last && !joined->spoiled) perform(*joined);
          }};
}

}  // namespace

void enqueue_collective(Machine& machine, const std::shared_ptr<ncclComm>& rank, const CollectiveCall& call,
                        cudaStream_t stream_handle) {
  const bool known_op = call.op >= ncclSum && call.op < ncclNumOps;
  expect(size_of(call.type) != 0 && known_op && call.root >= 0 && call.root < rank->ranks(),
         ncclInvalidArgument);
  StreamState& stream = machine.stream(stream_handle);
  expect(stream.device == rank->device, ncclInvalidUsage);
  const Sizes sizes = sizes_of(*rank, call);
  Operation operation{.name = call.name, .kind = OperationKind::collective, .device = stream.device};
  operation.reads = {region_of(machine, *rank, call, call.send, sizes.send)};
  operation.writes = {region_of(machine, *rank, call, call.receive, sizes.receive)};
  operation.microseconds =
      kStartMicroseconds + static_cast<double>(std::max(sizes.send, sizes.receive)) / kLinkBytes;
  operation.caller = call.caller;
  const auto self = std::this_thread::get_id();
  rank->clique->members[static_cast<std::size_t>(rank->rank)]->thread = self;
  machine.note_call(self);
  if (rank->rank == settings().faults.dead_rank) throw NcclFailure{ncclSystemError};
  const Round::Part part{call, self, in_group() || stream.branch.capture != 0};
  operation.join = [rank, part] { return join_round(*rank, part); };
  machine.submit(stream, std::move(operation));
}

}  // namespace slipway::simt

using namespace slipway::simt;

namespace {

ncclResult_t collective(ncclComm_t handle, cudaStream_t stream, const CollectiveCall& call) {
  return nccl_call(
      [=](Machine& machine) { enqueue_collective(machine, communicator(handle), call, stream); });
}

}  // namespace

extern "C" {

ncclResult_t ncclAllReduce(const void* send, void* receive, std::size_t count, ncclDataType_t type,
                           ncclRedOp_t op, ncclComm_t handle, cudaStream_t stream) {
  return collective(handle, stream,
                    {.name = "ncclAllReduce",
                     .kind = CollectiveKind::all_reduce,
                     .send = send,
                     .receive = receive,
                     .count = count,
                     .type = type,
                     .op = op,
                     .caller = __builtin_return_address(0)});
}

ncclResult_t ncclReduce(const void* send, void* receive, std::size_t count, ncclDataType_t type,
                        ncclRedOp_t op, int root, ncclComm_t handle, cudaStream_t stream) {
  return collective(handle, stream,
                    {.name = "ncclReduce",
                     .kind = CollectiveKind::reduce,
                     .send = send,
                     .receive = receive,
                     .count = count,
                     .type = type,
                     .op = op,
                     .root = root,
                     .caller = __builtin_return_address(0)});
}

ncclResult_t ncclReduceScatter(const void* send, void* receive, std::size_t count, ncclDataType_t type,
                               ncclRedOp_t op, ncclComm_t handle, cudaStream_t stream) {
  return collective(handle, stream,
                    {.name = "ncclReduceScatter",
                     .kind = CollectiveKind::reduce_scatter,
                     .send = send,
                     .receive = receive,
                     .count = count,
                     .type = type,
                     .op = op,
                     .caller = __builtin_return_address(0)});
}

ncclResult_t ncclAllGather(const void* send, void* receive, std::size_t count, ncclDataType_t type,
                           ncclComm_t handle, cudaStream_t stream) {
  return collective(handle, stream,
                    {.name = "ncclAllGather",
                     .kind = CollectiveKind::all_gather,
                     .send = send,
                     .receive = receive,
                     .count = count,
                     .type = type,
                     .caller = __builtin_return_address(0)});
}

ncclResult_t ncclBroadcast(const void* send, void* receive, std::size_t count, ncclDataType_t type, int root,
                           ncclComm_t handle, cudaStream_t stream) {
  return collective(handle, stream,
                    {.name = "ncclBroadcast",
                     .kind = CollectiveKind::broadcast,
                     .send = send,
                     .receive = receive,
                     .count = count,
                     .type = type,
                     .root = root,
                     .caller = __builtin_return_address(0)});
}

}  // extern "C"
