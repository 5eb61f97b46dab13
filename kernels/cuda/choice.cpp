#include "kernels/cuda/choice.h"

#include "core/base/error.h"
#include "core/tensor/event.h"

namespace slipway::cuda {

double time_on_device(const Stream& stream, const std::function<void()>& run) {
  Event start(stream.device, EventKind::time), end(stream.device, EventKind::time);
  start.record(stream);
  run();
  end.record(stream);
  end.synchronize();
  return end.seconds_since(start);
}

std::string key_start(const Stream& stream, const char* kernel) {
  const std::string model = device_backend(stream.device).info(stream.device.index).name;
  return text(kernel, " on ", model, stream.matrix_precision == MatrixPrecision::tf32 ? " tf32" : "");
}

}  // namespace slipway::cuda
