#include "kernels/cuda/host_wait.h"

#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "core/base/error.h"

namespace slipway::cuda {
namespace {

std::mutex guards_mutex;
std::map<int, std::shared_ptr<const HostWaitGuard::Check>> guards;  // by index of the device

std::shared_ptr<const HostWaitGuard::Check> find_guard(Device device) {
  const std::lock_guard lock(guards_mutex);
  const auto found = guards.find(device.index);
  return found == guards.end() ? nullptr : found->second;
}

}  // namespace

HostWaitGuard::HostWaitGuard(Device device, Check check) : device_(device) {
  const std::lock_guard lock(guards_mutex);
  auto shared = std::make_shared<const Check>(std::move(check));
  const bool added = guards.emplace(device.index, std::move(shared)).second;
  require(added, to_string(device), ": is connected with other ranks already");
}

HostWaitGuard::~HostWaitGuard() {
  const std::lock_guard lock(guards_mutex);
  guards.erase(device_.index);
}

bool is_guarded(Device device) { return find_guard(device) != nullptr; }

void guarded_wait(Device device, const std::function<cudaError_t()>& query) {
  using Clock = std::chrono::steady_clock;
  constexpr int kYields = 1000;
  constexpr std::chrono::microseconds kPause{50};
  const auto guard = find_guard(device);
  if (!guard) return;
  const Clock::time_point start = Clock::now();
  for (int tries = 0; query() == cudaErrorNotReady; ++tries) {
    cudaGetLastError();  // it is no error
    (*guard)(Clock::now() - start);
    if (tries < kYields)
      std::this_thread::yield();
    else
      std::this_thread::sleep_for(kPause);
  }
  (*guard)(Clock::duration::zero());
}

}  // namespace slipway::cuda
