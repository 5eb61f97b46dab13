#pragma once

namespace slipway {

/// Readies this thread and the OpenMP workers that it will use: denormal numbers count as zero, since
/// arithmetic on them is up to a hundred times slower (a decaying Adam moment passes through them). Call it
/// again after the number of threads grew.
void prepare_cpu_threads(int threads);

}  // namespace slipway
