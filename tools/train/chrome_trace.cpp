#include "tools/train/chrome_trace.h"

#include <nlohmann/json.hpp>

namespace slipway {

int ChromeTrace::add_track(const std::string& name) {
  tracks_.push_back(name);
  return static_cast<int>(tracks_.size()) - 1;
}

std::string ChromeTrace::to_json() const {
  constexpr int kProcess = 1;
  nlohmann::ordered_json events = nlohmann::ordered_json::array();
  const auto describe = [&](const char* what, int track, nlohmann::ordered_json arguments) {
    events.push_back(
        {{"name", what}, {"ph", "M"}, {"pid", kProcess}, {"tid", track}, {"args", std::move(arguments)}});
  };
  describe("process_name", 0, {{"name", "slipway"}});
  for (int track = 0; track < static_cast<int>(tracks_.size()); ++track) {
    describe("thread_name", track, {{"name", tracks_[static_cast<std::size_t>(track)]}});
    describe("thread_sort_index", track, {{"sort_index", track}});
  }
  for (const Span& span : spans_) {
    nlohmann::ordered_json details = nlohmann::ordered_json::object();
    for (const auto& [key, value] : span.details) details[key] = value;
    events.push_back({{"name", span.name},
                      {"cat", span.category},
                      {"ph", "X"},
                      {"ts", span.start * 1e6},
                      {"dur", span.seconds * 1e6},
                      {"pid", kProcess},
                      {"tid", span.track},
                      {"args", std::move(details)}});
  }
  return nlohmann::ordered_json{{"displayTimeUnit", "ms"}, {"traceEvents", std::move(events)}}.dump() + '\n';
}

}  // namespace slipway
