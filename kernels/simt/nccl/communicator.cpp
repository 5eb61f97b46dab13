#include "kernels/simt/nccl/communicator.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "core/base/error.h"
#include "kernels/simt/report.h"
#include "kernels/simt/runtime/call.h"
#include "kernels/simt/settings.h"

// Communicators: how ranks find each other, what they are asked about, and how they end.
namespace slipway::simt {
namespace {

std::map<ncclComm_t, std::shared_ptr<ncclComm>>& communicators() {
  static auto& all = *new std::map<ncclComm_t, std::shared_ptr<ncclComm>>;
  return all;
}

/// Cliques that ranks have still to join, by the number in their identifier.
std::map<std::uint64_t, std::shared_ptr<Clique>>& gathering() {
  static auto& all = *new std::map<std::uint64_t, std::shared_ptr<Clique>>;
  return all;
}

std::uint64_t number_of(const ncclUniqueId& id) {
  std::uint64_t number;
  std::memcpy(&number, id.internal, sizeof number);
  return number;
}

ncclComm_t join(const std::shared_ptr<Clique>& clique, int rank, int device) {
  const auto self = std::this_thread::get_id();
  clique->members[static_cast<std::size_t>(rank)] = Clique::Member{.thread = self};
  machine().note_call(self);  // another thread of this name may have ended
  auto joined = std::make_shared<ncclComm>(ncclComm{clique, rank, device});
  if (rank == settings().faults.dead_rank) clique->error = ncclRemoteError;
  const ncclComm_t handle = joined.get();
  communicators()[handle] = std::move(joined);
  return handle;
}

void report_ungrouped(const char* name, int first, int second, const void* caller) {
  report({.kind = "ungrouped call",
          .message = text(name, ": one thread calls for ranks ", first, " and ", second,
                          " outside of a group; the first call may wait for the second for ever"),
          .pc = caller});
}

struct InitCall {
  ncclUniqueId id;
  int ranks;
  int rank;
  int device;
  const void* caller;
};

ncclComm_t init_rank(const InitCall& call) {
  const auto found = gathering().find(number_of(call.id));
  expect(found != gathering().end(), ncclInvalidArgument);
  const auto clique = found->second;
  if (clique->members.empty()) clique->members.resize(static_cast<std::size_t>(call.ranks));
  auto& members = clique->members;
  expect(members.size() == static_cast<std::size_t>(call.ranks), ncclInvalidArgument);
  expect(!members[static_cast<std::size_t>(call.rank)], ncclInvalidUsage);
  for (std::size_t other = 0; other < members.size(); ++other) {
    if (in_group() || !members[other] || members[other]->thread != std::this_thread::get_id()) continue;
    report_ungrouped("ncclCommInitRank", static_cast<int>(other), call.rank, call.caller);
    throw NcclFailure{ncclInvalidUsage};
  }
  const ncclComm_t handle = join(clique, call.rank, call.device);
  if (std::all_of(members.begin(), members.end(), [](const auto& member) { return member.has_value(); })) {
    gathering().erase(found);
  }
  return handle;
}

/// No call for this rank comes any more.
void leave(ncclComm_t handle) {
  const auto rank = communicator(handle);
  rank->clique->members[static_cast<std::size_t>(rank->rank)]->alive = false;
  communicators().erase(handle);
}

}  // namespace

std::shared_ptr<ncclComm> communicator(ncclComm_t handle) {
  const auto found = communicators().find(handle);
  expect(found != communicators().end(), ncclInvalidArgument);
  return found->second;
}

}  // namespace slipway::simt

using namespace slipway::simt;

extern "C" {

ncclResult_t ncclGetVersion(int* version) {
  if (!version) return ncclInvalidArgument;
  *version = NCCL_VERSION_CODE;
  return ncclSuccess;
}

const char* ncclGetErrorString(ncclResult_t result) {
  switch (result) {
    case ncclSuccess:
      return "no error";
    case ncclUnhandledCudaError:
      return "unhandled cuda error (run with NCCL_DEBUG=INFO for details)";
    case ncclSystemError:
      return "unhandled system error (run with NCCL_DEBUG=INFO for details)";
    case ncclInternalError:
      return "internal error - please report this issue to the NCCL developers";
    case ncclInvalidArgument:
      return "invalid argument (run with NCCL_DEBUG=WARN for details)";
    case ncclInvalidUsage:
      return "invalid usage (run with NCCL_DEBUG=WARN for details)";
    case ncclRemoteError:
      return "remote process exited or there was a network error";
    case ncclInProgress:
      return "NCCL operation in progress";
    default:
      return "unknown result code";
  }
}

const char* ncclGetLastError(ncclComm_t) { return "see the simulator's findings"; }

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  return nccl_call([=](Machine&) {
    expect(id, ncclInvalidArgument);
    static std::uint64_t last = 0;
    const std::uint64_t number = ++last;
    *id = {};
    std::memcpy(id->internal, &number, sizeof number);
    gathering()[number] = std::make_shared<Clique>();
  });
}

ncclResult_t ncclCommInitRank(ncclComm_t* handle, int ranks, ncclUniqueId id, int rank) {
  const void* caller = __builtin_return_address(0);
  const int device = host_thread().device;  // "has to be set before calling ncclCommInitRank"
  return nccl_call([=](Machine&) {
    expect(handle && ranks > 0 && rank >= 0 && rank < ranks, ncclInvalidArgument);
    *handle = init_rank({id, ranks, rank, device, caller});
  });
}

ncclResult_t ncclCommInitAll(ncclComm_t* handles, int count, const int* devices) {
  std::vector<int> chosen(static_cast<std::size_t>(std::max(count, 0)));
  std::iota(chosen.begin(), chosen.end(), 0);
  if (devices) chosen.assign(devices, devices + chosen.size());
  return nccl_call([=](Machine& machine) {
    expect(handles && count > 0, ncclInvalidArgument);
    for (int device : chosen) {
      expect(device >= 0 && static_cast<std::size_t>(device) < machine.devices.size(), ncclInvalidArgument);
      expect(std::count(chosen.begin(), chosen.end(), device) == 1, ncclInvalidUsage);
    }
    const auto clique = std::make_shared<Clique>();
    clique->members.resize(chosen.size());
    for (std::size_t rank = 0; rank < chosen.size(); ++rank) {
      handles[rank] = join(clique, static_cast<int>(rank), chosen[rank]);
    }
  });
}

ncclResult_t ncclCommFinalize(ncclComm_t handle) {
  return nccl_call([=](Machine&) { communicator(handle); });
}

ncclResult_t ncclCommDestroy(ncclComm_t handle) {
  if (!handle) return ncclSuccess;
  return nccl_call([=](Machine&) { leave(handle); });
}

ncclResult_t ncclCommAbort(ncclComm_t handle) {
  if (!handle) return ncclSuccess;
  return nccl_call([=](Machine&) {
    const auto clique = communicator(handle)->clique;
    // "Aborts any operations that might still be running on the device."
    for (const auto& [number, round] : clique->rounds) {
      round->spoiled = true;
      round->meeting->abandoned = true;
    }
    clique->error = ncclRemoteError;
    leave(handle);
  });
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t handle, ncclResult_t* error) {
  return nccl_call([=](Machine&) {
    expect(error, ncclInvalidArgument);
    *error = communicator(handle)->clique->error;
  });
}

ncclResult_t ncclCommCount(const ncclComm_t handle, int* count) {
  return nccl_call([=](Machine&) {
    expect(count, ncclInvalidArgument);
    *count = communicator(handle)->ranks();
  });
}

ncclResult_t ncclCommCuDevice(const ncclComm_t handle, int* device) {
  return nccl_call([=](Machine&) {
    expect(device, ncclInvalidArgument);
    *device = communicator(handle)->device;
  });
}

ncclResult_t ncclCommUserRank(const ncclComm_t handle, int* rank) {
  return nccl_call([=](Machine&) {
    expect(rank, ncclInvalidArgument);
    *rank = communicator(handle)->rank;
  });
}

}  // extern "C"
