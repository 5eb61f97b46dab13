#include "core/base/random.h"

#include <cmath>
#include <numbers>

namespace slipway {
namespace {

constexpr std::size_t kLanes = 16;

/// The blocks `first` to `first + kLanes` of a source, one after another; each step of a round is one vector
/// instruction or two over all of them.
void philox_blocks(const Philox& source, std::uint64_t first, std::uint32_t* out) {
  std::array<std::array<std::uint32_t, kLanes>, 4> c;
  for (std::size_t i = 0; i < kLanes; ++i) {
    c[0][i] = static_cast<std::uint32_t>(first + i);
    c[1][i] = static_cast<std::uint32_t>((first + i) >> 32);
    c[2][i] = static_cast<std::uint32_t>(source.stream);
    c[3][i] = static_cast<std::uint32_t>(source.stream >> 32);
  }
  std::uint32_t k0 = static_cast<std::uint32_t>(source.key);
  std::uint32_t k1 = static_cast<std::uint32_t>(source.key >> 32);
  for (int round = 0; round < Philox::kRounds; ++round) {
#pragma omp simd
    for (std::size_t i = 0; i < kLanes; ++i) {
      const std::uint64_t p0 = std::uint64_t{Philox::kMultiplier0} * c[0][i];
      const std::uint64_t p1 = std::uint64_t{Philox::kMultiplier1} * c[2][i];
      c[0][i] = static_cast<std::uint32_t>(p1 >> 32) ^ c[1][i] ^ k0;
      c[1][i] = static_cast<std::uint32_t>(p1);
      c[2][i] = static_cast<std::uint32_t>(p0 >> 32) ^ c[3][i] ^ k1;
      c[3][i] = static_cast<std::uint32_t>(p0);
    }
    k0 += Philox::kWeyl0;
    k1 += Philox::kWeyl1;
  }
  for (std::size_t i = 0; i < kLanes; ++i) {
    for (std::size_t word = 0; word < 4; ++word) out[4 * i + word] = c[word][i];
  }
}

}  // namespace

std::uint64_t random_key(std::uint64_t seed, std::string_view purpose) {
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : purpose) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  std::uint64_t z = seed + hash + 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

std::uint32_t RandomSequence::word() {
  if (used_ == 4) {
    block_ = source_(next_++);
    used_ = 0;
  }
  return block_[static_cast<std::size_t>(used_++)];
}

void RandomSequence::words(std::span<std::uint32_t> out) {
  std::size_t done = 0;
  for (; done < out.size() && used_ < 4; ++done) out[done] = word();
  for (; out.size() - done >= 4 * kLanes; done += 4 * kLanes, next_ += kLanes)
    philox_blocks(source_, next_, out.data() + done);
  for (; done < out.size(); ++done) out[done] = word();
}

double RandomSequence::uniform() {
  const std::uint64_t high = word();
  return static_cast<double>(((high << 32) | word()) >> 11) * 0x1p-53;
}

double RandomSequence::normal() {
  const double radius = std::sqrt(-2.0 * std::log1p(-uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

std::uint64_t RandomSequence::below(std::uint64_t bound) {
  const std::uint64_t threshold = -bound % bound;  // reject the part that would be drawn once too often
  for (;;) {
    const std::uint64_t high = word();
    const std::uint64_t draw = (high << 32) | word();
    if (draw >= threshold) return draw % bound;
  }
}

}  // namespace slipway
