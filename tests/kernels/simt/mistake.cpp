#include "tests/kernels/simt/mistake.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <vector>

#include "core/base/error.h"
#include "kernels/simt/report.h"

namespace slipway::test {
namespace {

std::vector<int> marked_lines(const Mistake& mistake) {
  std::vector<int> result;
  // __FILE__ may be relative to wherever the compiler ran.
  const std::string file = mistake.file;
  std::ifstream source(SLIPWAY_SOURCE_DIR "/" + file.substr(file.rfind("tests/kernels/simt/")));
  std::string line;
  for (int number = 1; std::getline(source, line); ++number) {
    const auto at = line.find("// " + mistake.mark);
    if (at != std::string::npos && line.size() == at + 3 + mistake.mark.size()) result.push_back(number);
  }
  require(!result.empty(), mistake.file, " has no line that ends in // ", mistake.mark);
  return result;
}

}  // namespace

bool was_found(const Mistake& mistake) {
  const std::vector<int> lines = marked_lines(mistake);
  const auto name = std::filesystem::path(mistake.file).filename();
  const auto findings = simt::findings();
  return std::any_of(findings.begin(), findings.end(), [&](const simt::Finding& finding) {
    return finding.kind == mistake.kind && std::filesystem::path(finding.file).filename() == name &&
           std::count(lines.begin(), lines.end(), finding.line) == 1 &&
           (!mistake.device || finding.device == *mistake.device);
  });
}

std::string finding_texts() {
  std::string all;
  for (const simt::Finding& finding : simt::findings()) all += simt::to_string(finding) + "\n";
  return all;
}

}  // namespace slipway::test
