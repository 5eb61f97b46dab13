#include "core/runtime/cpu_threads.h"

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace slipway {
namespace {

void flush_denormals() {
#if defined(__SSE2__)
  constexpr unsigned kFlushToZero = 0x8000, kDenormalsAreZero = 0x0040;
  _mm_setcsr(_mm_getcsr() | kFlushToZero | kDenormalsAreZero);
#endif
}

}  // namespace

void prepare_cpu_threads(int threads) {
#pragma omp parallel num_threads(threads)
  flush_denormals();
}

}  // namespace slipway
