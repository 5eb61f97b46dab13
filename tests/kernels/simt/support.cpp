#include "tests/kernels/simt/support.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

namespace slipway::test {
namespace {

std::vector<simt::Settings> all_orders() {
  constexpr int kSeeds = 10;
  std::vector<simt::Settings> result{{.order = simt::Order::ascending}, {.order = simt::Order::descending}};
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed)
    result.push_back({.order = simt::Order::seeded, .seed = seed});
  return result;
}

std::string describe(const simt::Settings& settings) {
  const char* names[] = {"ascending", "descending", "seeded"};
  return text(names[static_cast<int>(settings.order)], " order, seed ", settings.seed);
}

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
  return result;
}

}  // namespace

TestStream::TestStream() {
  cudaSetDevice(0);
  cudaStream_t stream = nullptr;
  const cudaError_t status = cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  require(status == cudaSuccess, "can't create a stream: ", cudaGetErrorString(status));
  stream_.native = stream;
}

TestStream::~TestStream() { cudaStreamDestroy(static_cast<cudaStream_t>(stream_.native)); }

void TestStream::synchronize() const {
  const cudaError_t status = cudaStreamSynchronize(static_cast<cudaStream_t>(stream_.native));
  require(status == cudaSuccess, "the stream fails: ", cudaGetErrorString(status));
}

WithSettings::WithSettings(simt::Settings settings) {
  settings.findings = simt::FindingPolicy::collect;
  simt::settings() = settings;
  simt::clear_findings();
}

WithSettings::~WithSettings() {
  simt::settings() = before_;
  simt::clear_findings();
}

void expect_silent(const std::function<void()>& kernels) {
  for (const simt::Settings& settings : all_orders()) {
    const WithSettings with(settings);
    kernels();
    for (const auto& finding : simt::findings()) {
      ADD_FAILURE() << "in " << describe(settings) << ": " << to_string(finding);
    }
  }
}

void expect_found(const Mistake& mistake, const std::function<void()>& kernels) {
  const std::vector<int> lines = marked_lines(mistake);
  ASSERT_FALSE(lines.empty()) << mistake.file << " has no line that ends in // " << mistake.mark;
  const auto name = std::filesystem::path(mistake.file).filename();
  for (const simt::Settings& settings : all_orders()) {
    const WithSettings with(settings);
    kernels();
    const auto findings = simt::findings();
    const bool found = std::any_of(findings.begin(), findings.end(), [&](const simt::Finding& finding) {
      return finding.kind == mistake.kind && std::filesystem::path(finding.file).filename() == name &&
             std::count(lines.begin(), lines.end(), finding.line) == 1 && finding.device == 0;
    });
    std::string all;
    for (const auto& finding : findings) all += to_string(finding) + "\n";
    EXPECT_TRUE(found) << mistake.kind << " (" << mistake.mark << ") not found in " << describe(settings)
                       << "; found:\n"
                       << all;
  }
}

std::vector<float> noise(std::size_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<float> distribution(-1, 1);
  std::vector<float> result(count);
  for (float& value : result) value = distribution(engine);
  return result;
}

std::vector<float> zeros(std::size_t count) { return std::vector<float>(count, 0.0f); }

}  // namespace slipway::test
