#pragma once

#include <string>
#include <utility>
#include <vector>

namespace slipway {

/// What happened when, as chrome://tracing and Perfetto show it: Google's trace event format, JSON.
class ChromeTrace {
 public:
  struct Span {
    std::string name;
    std::string category;  // "op", "phase", "host"
    int track = 0;         // of add_track()
    double start = 0;      // seconds
    double seconds = 0;
    std::vector<std::pair<std::string, std::string>> details = {};
  };

  /// A row of its own, in the order of calls.
  int add_track(const std::string& name);
  /// Spans of one track may lie within each other, but not overlap otherwise.
  void add(Span span) { spans_.push_back(std::move(span)); }

  std::string to_json() const;

 private:
  std::vector<std::string> tracks_;
  std::vector<Span> spans_;
};

}  // namespace slipway
