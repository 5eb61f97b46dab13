#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace slipway::simt {

/// To the nearest value with 10 bits of mantissa, ties away from zero, as float32 factors become TF32 (PTX:
/// cvt.rna.tf32.f32). NaN becomes the one whose bits are all set but the sign.
inline float round_to_tf32(float value) {
  constexpr std::uint32_t kDropped = 13, kNan = 0x7fffffff;  // bits of the 23 of mantissa
  if (std::isnan(value)) return std::bit_cast<float>(kNan);
  if (std::isinf(value)) return value;
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return std::bit_cast<float>((bits + (1u << (kDropped - 1))) & ~((1u << kDropped) - 1));
}

}  // namespace slipway::simt
