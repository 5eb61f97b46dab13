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
  /// Names Slipway's own kernels beside those of a library.
  static constexpr const char* kOurs = "ours";

  struct Candidate {
    std::string name;
    std::function<void()> run;  // once, on memory of its own
  };

  /// Seconds that one call takes.
  using Timer = std::function<double(const std::function<void()>&)>;
  /// By the host's clock: for what is done when the call returns.
  static double time_on_host(const std::function<void()>& run);

  /// What is remembered for a key, such as "conv2d_forward [32, 64, 8, 8] ... threads=2".
  std::optional<std::string> find(const std::string& key) const;
  void remember(const std::string& key, const std::string& choice);
  /// A preferred candidate if there is one, else the remembered one; else each is timed and the fastest is
  /// chosen. Choices are remembered.
  std::string choose(const std::string& key, const std::vector<Candidate>& candidates,
                     const Timer& timer = time_on_host);
  /// Has the first of these names that is offered chosen, unmeasured: to compare implementations.
  void prefer(std::vector<std::string> names);
  /// All that is remembered, by key.
  std::map<std::string, std::string> choices() const;

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
  std::vector<std::string> preferred_;
  bool changed_ = false;
};

}  // namespace slipway
