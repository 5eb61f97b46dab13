#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/simt/arena.h"
#include "kernels/simt/race.h"
#include "kernels/simt/shadow_pages.h"

namespace slipway::simt {

/// What the checker knows of device memory: a state for each byte, a cell for each two.
class DeviceShadow {
 public:
  enum State : std::uint8_t { allocated = 1, initialised = 2, read_only = 4, freed = 8 };

  static DeviceShadow& instance();

  void set(const void* begin, std::size_t bytes, std::uint8_t state);
  void add(const void* begin, std::size_t bytes, State state);
  void remove(const void* begin, std::size_t bytes, State state);

  /// Whether each of the bytes, at most 16, has all states of the mask, or any.
  bool all(const char* address, std::size_t bytes, std::uint8_t mask);
  bool any(const char* address, std::size_t bytes, std::uint8_t mask);
  Cell* cell(const char* address) { return &cells_[offset(address) / 2]; }

 private:
  DeviceShadow();
  std::size_t offset(const void* address) const {
    return static_cast<std::size_t>(static_cast<const char*>(address) - range_.begin);
  }

  AddressRange range_ = device_addresses();
  ShadowPages<std::uint8_t> states_;
  ShadowPages<Cell> cells_;
};

}  // namespace slipway::simt
