#include "kernels/simt/device_shadow.h"

#include <cstring>

namespace slipway::simt {

DeviceShadow::DeviceShadow()
    : states_(static_cast<std::size_t>(range_.end - range_.begin)),
      cells_(static_cast<std::size_t>(range_.end - range_.begin) / 2) {}

DeviceShadow& DeviceShadow::instance() {
  static DeviceShadow shadow;
  return shadow;
}

void DeviceShadow::set(const void* begin, std::size_t bytes, std::uint8_t state) {
  if (bytes) std::memset(&states_[offset(begin)], state, bytes);
}

void DeviceShadow::add(const void* begin, std::size_t bytes, State state) {
  std::uint8_t* states = &states_[offset(begin)];
  for (std::size_t i = 0; i < bytes; ++i) states[i] |= state;
}

void DeviceShadow::remove(const void* begin, std::size_t bytes, State state) {
  std::uint8_t* states = &states_[offset(begin)];
  for (std::size_t i = 0; i < bytes; ++i) states[i] &= static_cast<std::uint8_t>(~state);
}

bool DeviceShadow::all(const char* address, std::size_t bytes, std::uint8_t mask) {
  const std::uint8_t* states = &states_[offset(address)];
  std::uint8_t common = 0xff;
  for (std::size_t i = 0; i < bytes; ++i) common &= states[i];
  return (common & mask) == mask;
}

bool DeviceShadow::any(const char* address, std::size_t bytes, std::uint8_t mask) {
  const std::uint8_t* states = &states_[offset(address)];
  std::uint8_t together = 0;
  for (std::size_t i = 0; i < bytes; ++i) together |= states[i];
  return (together & mask) != 0;
}

}  // namespace slipway::simt
