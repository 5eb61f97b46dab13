#include "kernels/simt/launch.h"

namespace slipway::simt {

void enqueue(const Stream& stream, KernelLaunch launch) { run_grid(launch, stream.device.index); }

}  // namespace slipway::simt
