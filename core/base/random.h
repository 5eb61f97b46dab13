#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace slipway {

/// Philox4x32-10, the counter-based generator of Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3"
/// (SC 2011): a pure function of key and counter, so that any element can be drawn by any thread.
struct Philox {
  using Block = std::array<std::uint32_t, 4>;
  static constexpr int kRounds = 10;
  static constexpr std::uint32_t kMultiplier0 = 0xD2511F53u, kMultiplier1 = 0xCD9E8D57u;
  static constexpr std::uint32_t kWeyl0 = 0x9E3779B9u, kWeyl1 = 0xBB67AE85u;

  std::uint64_t key = 0;
  std::uint64_t stream = 0;  // upper half of the counter: a training step, an epoch, a sample

  /// Four uniform 32-bit words, the `index`-th block of this key and stream.
  constexpr Block operator()(std::uint64_t index) const {
    Block c = {static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
               static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)};
    std::uint32_t k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < kRounds; ++round) {
      const std::uint64_t p0 = std::uint64_t{kMultiplier0} * c[0], p1 = std::uint64_t{kMultiplier1} * c[2];
      c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(p1),
           static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(p0)};
      k0 += kWeyl0;
      k1 += kWeyl1;
    }
    return c;
  }

  /// Uniform in [0, 1) with 24 bits, from one word.
  static constexpr float uniform(std::uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }
};

/// A key for one purpose: mixes the run's seed with a name ("dropout_3", "shuffle"), by FNV-1a and
/// SplitMix64.
std::uint64_t random_key(std::uint64_t seed, std::string_view purpose);

/// A sequence of draws from one Philox stream, for host code: initialisers, shuffles, augmentation.
class RandomSequence {
 public:
  explicit RandomSequence(Philox source) : source_(source) {}

  std::uint32_t word();
  /// The next words, the same as from calls of word() but many times faster.
  void words(std::span<std::uint32_t> out);
  /// Uniform in [0, 1).
  double uniform();
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Standard normal, by Box and Muller.
  double normal();
  /// Uniform in [0, bound) without modulo bias; bound > 0.
  std::uint64_t below(std::uint64_t bound);

 private:
  Philox source_;
  Philox::Block block_{};
  std::uint64_t next_ = 0;
  int used_ = 4;
};

}  // namespace slipway
