#include "tests/kernels/simt/support.h"

#include <gtest/gtest.h>

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

void expect_found(Mistake mistake, const std::function<void()>& kernels) {
  mistake.device = 0;
  for (const simt::Settings& settings : all_orders()) {
    const WithSettings with(settings);
    kernels();
    EXPECT_TRUE(was_found(mistake)) << mistake.kind << " (" << mistake.mark << ") not found in "
                                    << describe(settings) << "; found:\n"
                                    << finding_texts();
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
