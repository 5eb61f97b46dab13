#pragma once

#include <array>
#include <memory>

#include "core/base/error.h"
#include "core/graph/op.h"
#include "core/runtime/kernel_slot.h"

namespace slipway {

/// A function with one implementation per kind of device, such as the factory of a kernel that has to be made
/// ready for its shapes: declared in kernels/NAME.h, filled by a DeviceFunctionRegistrar.
template <class Signature>
class DeviceFunction;

template <class Result, class... Args>
class DeviceFunction<Result(const Stream&, Args...)> {
 public:
  using Function = Result (*)(const Stream&, Args...);

  explicit constexpr DeviceFunction(const char* name) : name_(name) {}

  /// MissingKernel if this build has no implementation for the stream's device.
  Result operator()(const Stream& stream, Args... args) const {
    const Function function = functions_[static_cast<std::size_t>(stream.device.kind)];
    if (!function) {
      throw MissingKernel(text(name_, ": no kernel for ", to_string(stream.device), " in this build"));
    }
    return function(stream, args...);
  }
  bool available(DeviceKind kind) const { return functions_[static_cast<std::size_t>(kind)] != nullptr; }
  const char* name() const { return name_; }

 private:
  template <class>
  friend class DeviceFunctionRegistrar;
  const char* name_;
  std::array<Function, kDeviceKinds> functions_{};
};

template <class Signature>
class DeviceFunctionRegistrar {
 public:
  DeviceFunctionRegistrar(DeviceFunction<Signature>& slot, DeviceKind kind,
                          typename DeviceFunction<Signature>::Function function) {
    slot.functions_[static_cast<std::size_t>(kind)] = function;
    kernel_names(kind).emplace_back(slot.name());
  }
};

/// A kernel made ready for one problem: code generated, an implementation chosen. Args hold pointers only.
template <class Args>
class PreparedKernel : public OpState {
 public:
  /// Memory that run() may use, 64-byte aligned; it is passed in Args.
  virtual std::size_t scratch_bytes() const { return 0; }
  /// Whether each run copies a weight into another layout first.
  virtual bool packs_weight() const { return false; }
  /// Whether it is a library's plain loop, which is taken for want of a better one.
  virtual bool is_reference() const { return false; }
  virtual void run(const Stream& stream, const Args& args) = 0;
};

/// Makes the kernel for a problem: types with layouts, and attributes.
template <class Problem, class Args>
using PreparedKernelSlot =
    DeviceFunction<std::unique_ptr<PreparedKernel<Args>>(const Stream&, const Problem&)>;

}  // namespace slipway
