#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace slipway {

/// Remembers which of several implementations is the fastest on this machine: asked while a plan is prepared,
/// read from and written to a file by the tools, so that repeated and resumed runs make the same choices and
/// give the same bits.
class Tuner {
 public:
  struct Candidate {
    std::string name;
    std::function<void()> run;  // once, on memory of its own
  };

  /// What is remembered for a key, such as "conv2d_forward [32, 64, 8, 8] ... threads=2".
  std::optional<std::string> find(const std::string& key) const;
  void remember(const std::string& key, const std::string& choice);
  /// The remembered choice if it is among the candidates; else each is timed and the fastest is remembered.
  std::string choose(const std::string& key, const std::vector<Candidate>& candidates);

  /// Takes over every choice of another one.
  void add(const Tuner& other);
  /// Adds the choices of a file written by save(); a missing file adds none. A line that cannot be read is a
  /// UserError.
  void load(const std::string& path);
  /// Replaces the file as one transaction.
  void save(const std::string& path) const;
  /// Whether a choice was added since the tuner was loaded.
  bool changed() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> choices_;
  bool changed_ = false;
};

}  // namespace slipway
