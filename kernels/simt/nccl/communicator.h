#pragma once

#include <nccl.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "kernels/simt/runtime/operation.h"

namespace slipway::simt {

enum class CollectiveKind : std::uint8_t { all_reduce, reduce, reduce_scatter, all_gather, broadcast };

/// What one rank asks for. Counts are of elements, as the function's own argument counts them.
struct CollectiveCall {
  const char* name;
  CollectiveKind kind;
  const void* send;
  void* receive;
  std::size_t count;
  ncclDataType_t type;
  ncclRedOp_t op = ncclSum;
  int root = 0;
  const void* caller = nullptr;
};

/// One collective of all ranks: each rank's n-th call is one with the others' n-th.
struct Round {
  struct Part {
    CollectiveCall call;
    std::thread::id thread;
    bool grouped;  // or captured: the call itself cannot wait for other ranks
  };
  std::vector<std::optional<Part>> parts;  // by rank
  std::shared_ptr<Meeting> meeting;
  std::size_t executed = 0;  // ranks whose turn has come
  bool spoiled = false;      // mismatched or aborted: moves nothing
};

/// The ranks that communicate with each other.
struct Clique {
  struct Member {
    bool alive = true;
    std::thread::id thread;  // that called last for this rank
  };
  std::vector<std::optional<Member>> members;              // by rank; none before its initialisation
  std::map<std::uint64_t, std::shared_ptr<Round>> rounds;  // that ranks have still to join, by number
  ncclResult_t error = ncclSuccess;
};

}  // namespace slipway::simt

/// What ncclComm_t points to: one rank.
struct ncclComm {
  std::shared_ptr<slipway::simt::Clique> clique;
  int rank = 0;
  int device = 0;
  std::uint64_t calls = 0;

  int ranks() const { return static_cast<int>(clique->members.size()); }
};

namespace slipway::simt {

/// Ends a call with this code.
struct NcclFailure {
  ncclResult_t code;
};
inline void expect(bool condition, ncclResult_t otherwise) {
  if (!condition) throw NcclFailure{otherwise};
}

/// The rank of a handle; failure if it is none, or destroyed.
std::shared_ptr<ncclComm> communicator(ncclComm_t handle);

class Machine;

/// Enqueues this rank's part.
void enqueue_collective(Machine& machine, const std::shared_ptr<ncclComm>& rank, const CollectiveCall& call,
                        cudaStream_t stream);

/// Runs a body now, or within a group at its end, and turns what it throws into a code.
ncclResult_t nccl_call(const std::function<void(Machine&)>& body);
/// Whether the calls of a group are being made.
bool in_group();

}  // namespace slipway::simt
