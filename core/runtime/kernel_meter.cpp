#include "core/runtime/kernel_meter.h"

namespace slipway {
namespace {

KernelMeter*& registered_meter() {
  static KernelMeter* meter = nullptr;
  return meter;
}

}  // namespace

KernelMeter* find_kernel_meter() { return registered_meter(); }

KernelMeterRegistrar::KernelMeterRegistrar(KernelMeter& meter) { registered_meter() = &meter; }

}  // namespace slipway
