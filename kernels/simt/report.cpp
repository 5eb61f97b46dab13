#include "kernels/simt/report.h"

#include <cstdio>
#include <mutex>
#include <set>
#include <tuple>
#include <utility>

#include "core/base/error.h"
#include "kernels/simt/block.h"
#include "kernels/simt/launch.h"
#include "kernels/simt/settings.h"
#include "kernels/simt/symbols.h"

namespace slipway::simt {
namespace {

struct Findings {
  std::mutex mutex;
  std::vector<Finding> all;
  std::set<std::tuple<std::string, const void*, std::string, int>> seen;
  std::string unraised;
};

Findings& recorded() {
  static Findings instance;
  return instance;
}

std::string coordinates(uint3 at) { return text("(", at.x, ",", at.y, ",", at.z, ")"); }

}  // namespace

std::string to_string(const Finding& finding) {
  std::string result = text(finding.kind, " in ", finding.kernel.empty() ? "the program" : finding.kernel);
  if (!finding.file.empty()) result += text(", ", finding.file, ":", finding.line);
  if (finding.device >= 0) {
    result += text(", block ", coordinates(finding.block), ", thread ", coordinates(finding.thread),
                   " of cuda:", finding.device);
  }
  return result + ": " + finding.message;
}

void report(const Report& report) {
  Findings& known = recorded();
  const std::scoped_lock lock(known.mutex);
  const std::string file = report.site.file ? report.site.file : "";
  if (!known.seen.insert({report.kind, report.pc, file, report.site.line}).second) return;
  Finding finding{
      .kind = report.kind, .message = report.message, .kernel = "", .file = file, .line = report.site.line};
  if (report.pc) {
    const SourceLine line = source_line(report.pc);
    finding.file = line.file;
    finding.line = line.line;
  }
  if (const Block* block = current.block) {
    finding.kernel = function_name(Engine::local().launch().function);
    finding.device = block->device;
    finding.block = block->index;
    if (current.thread) finding.thread = current.thread->index;
  }
  if (settings().findings == FindingPolicy::raise) {
    const std::string line = to_string(finding) + "\n";
    std::fputs(line.c_str(), stderr);
    known.unraised += line;
  }
  known.all.push_back(std::move(finding));
}

std::vector<Finding> findings() {
  const std::scoped_lock lock(recorded().mutex);
  return recorded().all;
}

void clear_findings() {
  const std::scoped_lock lock(recorded().mutex);
  recorded().all.clear();
  recorded().seen.clear();
  recorded().unraised.clear();
}

std::string take_unraised() {
  const std::scoped_lock lock(recorded().mutex);
  return std::exchange(recorded().unraised, {});
}

std::string hexadecimal(std::uint32_t value) {
  char digits[16];
  std::snprintf(digits, sizeof(digits), "0x%08x", value);
  return digits;
}

}  // namespace slipway::simt
