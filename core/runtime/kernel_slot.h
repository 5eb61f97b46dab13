#pragma once

#include <array>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/tensor/device.h"

namespace slipway {

/// This build has no kernel of some name for some device.
class MissingKernel : public Error {
 public:
  using Error::Error;
};

/// The entry to one kernel on every kind of device: declared with its arguments in kernels/NAME.h, filled by
/// a KernelRegistrar in kernels/cpu/NAME.cpp, kernels/cuda/NAME.cu.
template <class Args>
class KernelSlot {
 public:
  using Function = void (*)(const Stream&, const Args&);

  explicit constexpr KernelSlot(const char* name) : name_(name) {}

  /// Enqueues the kernel; MissingKernel if this build has none for the stream's device.
  void operator()(const Stream& stream, const Args& args) const {
    const Function function = functions_[static_cast<std::size_t>(stream.device.kind)];
    if (!function) {
      throw MissingKernel(text(name_, ": no kernel for ", to_string(stream.device), " in this build"));
    }
    function(stream, args);
  }
  bool available(DeviceKind kind) const { return functions_[static_cast<std::size_t>(kind)] != nullptr; }
  const char* name() const { return name_; }

 private:
  template <class>
  friend class KernelRegistrar;
  const char* name_;
  std::array<Function, kDeviceKinds> functions_{};
};

/// The names of the slots that are filled for a kind of device, in the order of their registration.
std::vector<std::string>& kernel_names(DeviceKind kind);

/// `static const KernelRegistrar registered(softmax_forward, DeviceKind::cpu, run_softmax_forward);`
template <class Args>
class KernelRegistrar {
 public:
  KernelRegistrar(KernelSlot<Args>& slot, DeviceKind kind, typename KernelSlot<Args>::Function function) {
    slot.functions_[static_cast<std::size_t>(kind)] = function;
    kernel_names(kind).emplace_back(slot.name());
  }
};

}  // namespace slipway
