#include "core/runtime/kernel_slot.h"

namespace slipway {

std::vector<std::string>& kernel_names(DeviceKind kind) {
  static std::array<std::vector<std::string>, kDeviceKinds> names;
  return names[static_cast<std::size_t>(kind)];
}

}  // namespace slipway
