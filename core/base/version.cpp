#include "core/base/version.h"

namespace slipway {
namespace {

#if defined(__clang__)
constexpr const char* kCompiler = "Clang " __clang_version__;
#else
constexpr const char* kCompiler = "GCC " __VERSION__;
#endif

/// The vector instructions that the compiler may use in our kernels; oneDNN chooses its own as it runs.
std::string vector_instructions() {
  std::string names;
#ifdef __AVX2__
  names += " AVX2";
#endif
#ifdef __FMA__
  names += " FMA";
#endif
#ifdef __AVX512F__
  names += " AVX-512";
#endif
#ifdef __ARM_NEON
  names += " NEON";
#endif
  return names.empty() ? " the baseline" : names;
}

}  // namespace

std::string_view version() { return SLIPWAY_VERSION; }

std::string build_description() {
  return std::string(SLIPWAY_BUILD_TYPE ", ") + kCompiler + ", SIMD:" + vector_instructions();
}

}  // namespace slipway
