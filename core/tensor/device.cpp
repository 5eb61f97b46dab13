#include "core/tensor/device.h"

#include <cstdlib>

#include "core/base/error.h"

namespace slipway {
namespace {

constexpr std::size_t kAlignment = 64;  // a cache line and an AVX-512 vector

}  // namespace

std::string to_string(Device device) {
  return device.kind == DeviceKind::cpu ? "cpu" : text("cuda:", device.index);
}

Buffer::Buffer(Device device, std::size_t bytes) : device_(device), bytes_(bytes) {
  require(device.kind == DeviceKind::cpu, to_string(device), ": this build has no such device");
  const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (rounded == 0) return;
  auto* memory = static_cast<std::byte*>(std::aligned_alloc(kAlignment, rounded));
  if (!memory) throw Error(text("cpu: out of memory for ", bytes, " bytes"));
  data_ = std::shared_ptr<std::byte>(memory, [](std::byte* p) { std::free(p); });
}

}  // namespace slipway
