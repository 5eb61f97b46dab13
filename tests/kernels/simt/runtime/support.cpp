#include "tests/kernels/simt/runtime/support.h"

#include <stdexcept>

#include "kernels/simt/runtime/control.h"

namespace slipway::test {
namespace {

void nameless_kernel() {}

}  // namespace

SimulatedRuntime::SimulatedRuntime() { restart_with({}); }

SimulatedRuntime::~SimulatedRuntime() {
  simt::restart();
  simt::settings() = {};
  simt::clear_findings();
}

void restart_with(simt::Settings settings) {
  settings.findings = simt::FindingPolicy::collect;
  simt::settings() = settings;
  simt::restart();
  simt::clear_findings();
}

void for_each_seed(const std::function<void()>& program) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(text("seed ", seed));
    restart_with({.seed = seed});
    program();
  }
}

void ok(cudaError_t code) { require(code == cudaSuccess, cudaGetErrorName(code)); }

std::size_t count_findings(const std::string& kind) {
  const auto all = simt::findings();
  return static_cast<std::size_t>(std::count_if(
      all.begin(), all.end(), [&](const simt::Finding& one) { return kind.empty() || one.kind == kind; }));
}

void expect_found(const Mistake& mistake) {
  EXPECT_TRUE(was_found(mistake)) << mistake.kind << " (" << mistake.mark << ") not found; found:\n"
                                  << finding_texts();
}

void launch(cudaStream_t stream, std::function<void()> body) {
  simt::enqueue({.device = {DeviceKind::cuda, 0}, .native = stream},
                {.function = reinterpret_cast<const void*>(&nameless_kernel),
                 .grid = {1, 1, 1},
                 .block = {1, 1, 1},
                 .thread_body = std::move(body)});
}

}  // namespace slipway::test
