#include "tools/train/compute.h"

#include <algorithm>
#include <charconv>

#include "core/base/error.h"
#include "core/tensor/device_backend.h"

namespace slipway {
namespace {

bool has_real_gpu() {
  const DeviceBackend* backend = find_device_backend(DeviceKind::cuda);
  if (!backend || backend->count() == 0) return false;
  const DeviceInfo info = backend->info(0);
  return info.unusable.empty() && !info.simulated;
}

/// N of "cuda:N"; 0 of "cuda".
int cuda_index(const std::string& name) {
  int index = 0;
  const std::string_view rest = std::string_view(name).substr(std::string_view("cuda").size());
  if (rest.empty()) return index;
  const char* end = rest.data() + rest.size();
  const auto [stop, error] = std::from_chars(rest.data() + 1, end, index);
  require_user(rest[0] == ':' && error == std::errc() && stop == end && index >= 0, "device '", name,
               "': expected auto, cpu, cuda or cuda:N");
  return index;
}

}  // namespace

Device choose_device(const std::string& name, LocalRank local) {
  if (name == "cpu" || (name == "auto" && !has_real_gpu())) return {};
  require_user(name == "auto" || name.starts_with("cuda"), "device '", name,
               "': expected auto, cpu, cuda or cuda:N");
  const bool own = name == "auto" || name == "cuda";
  const int index = own ? local.rank : cuda_index(name);
  const DeviceBackend* backend = find_device_backend(DeviceKind::cuda);
  require_user(backend != nullptr, "device '", name,
               "': this build has no CUDA, expected one with -D SLIPWAY_GPU=cuda");
  std::string why_none;
  const int count = backend->count(&why_none);
  require_user(count > 0, "device '", name, "': there is no CUDA device: ", why_none);
  require_user(!own || std::max(local.rank + 1, local.ranks) <= count, "device '", name, "': ", count,
               " for the ", std::max(local.rank + 1, local.ranks),
               " ranks of this machine, expected one each; or cuda:N, where each rank sees its own only");
  require_user(index < count, "device '", name, "': there ", count == 1 ? "is" : "are", " only ", count,
               ", see `slipway devices`");
  const DeviceInfo info = backend->info(index);
  require_user(info.unusable.empty(), "device '", name, "' (", info.name, ") can't be used: ", info.unusable);
  return {DeviceKind::cuda, index};
}

std::string describe(const Stream& stream) {
  const std::string device = to_string(stream.device);
  if (stream.device.is_host()) {
    return text(device, ", ", stream.threads, stream.threads == 1 ? " thread" : " threads");
  }
  return text(device, " (", device_backend(stream.device).info(stream.device.index).name, ')');
}

Compute::Compute(const Options& options)
    : queue_(choose_device(options.device, options.local)),
      stream_{.device = queue_.device(),
              .threads = options.threads,
              .deterministic = options.deterministic,
              .synchronous = options.synchronous,
              .native = queue_.native(),
              .tuner = options.deterministic ? nullptr : options.tuner,
              .matrix_precision = options.matrix_precision} {}

}  // namespace slipway
