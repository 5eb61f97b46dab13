#include <functional>
#include <utility>
#include <vector>

#include "kernels/simt/nccl/communicator.h"
#include "kernels/simt/runtime/call.h"

// ncclGroupStart and ncclGroupEnd: calls between them are made together, at the end of the outermost group.
namespace slipway::simt {
namespace {

struct Group {
  int depth = 0;
  bool ending = false;
  std::vector<std::function<void(Machine&)>> calls;
};

Group& group() {
  static thread_local Group group;
  return group;
}

ncclResult_t run(const std::function<void(Machine&)>& body) {
  try {
    // What the runtime refuses is an "unhandled CUDA error" of NCCL.
    return call_any_device(body) == cudaSuccess ? ncclSuccess : ncclUnhandledCudaError;
  } catch (const NcclFailure& failure) {
    return failure.code;
  }
}

}  // namespace

bool in_group() { return group().ending; }

ncclResult_t nccl_call(const std::function<void(Machine&)>& body) {
  if (group().depth == 0) return run(body);
  group().calls.push_back(body);
  return ncclSuccess;
}

}  // namespace slipway::simt

using namespace slipway::simt;

extern "C" {

ncclResult_t ncclGroupStart() {
  ++group().depth;
  return ncclSuccess;
}

ncclResult_t ncclGroupEnd() {
  if (group().depth == 0) return ncclInvalidUsage;
  if (--group().depth > 0) return ncclSuccess;
  group().ending = true;
  const auto calls = std::exchange(group().calls, {});
  const ncclResult_t result = run([&](Machine& machine) {
    for (const auto& call : calls) call(machine);
  });
  group().ending = false;
  return result;
}

}  // extern "C"
