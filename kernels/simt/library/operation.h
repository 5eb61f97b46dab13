#pragma once

#include <cuda_runtime_api.h>

#include <functional>
#include <vector>

#include "kernels/simt/runtime/call.h"

/// What the simulated libraries of the vendor, cuBLASLt and cuDNN, have in common.
namespace slipway::simt {

/// What an operation does with an array.
enum class ArrayUse : std::uint8_t {
  read,
  read_in_place,  // element by element, so that the result may be the same array
  written,
  workspace  // written; its contents mean nothing before and after
};

struct LibraryArray {
  const char* name;  // of the argument
  const void* data;
  std::size_t bytes;  // 0: not used
  ArrayUse use = ArrayUse::read;
};

/// One call that works on a device: what it does when its turn comes.
struct LibraryOperation {
  const char* name;
  int device = 0;  // of the library's handle
  cudaStream_t stream = nullptr;
  std::vector<LibraryArray> arrays;
  double flops = 0;
  std::function<void()> run;
  const void* caller = nullptr;
};

/// Puts the operation into its stream, or into the graph that the stream captures. A finding, and false, if
/// the stream or an array's memory is not of the handle's device, or if a written array overlaps another.
bool submit(Machine& machine, const LibraryOperation& operation);

/// Ends a call of a library with this code.
template <class Status>
struct LibraryFailure {
  Status code;
};

/// Enters the machine, runs the body of a function of a library and turns what it throws into a code;
/// `failed` stands for failures of the runtime.
template <class Status, class Body>
Status library_call(Status failed, const Body& body) {
  try {
    return call_any_device(body) == cudaSuccess ? Status{} : failed;
  } catch (const LibraryFailure<Status>& failure) {
    return failure.code;
  }
}

}  // namespace slipway::simt
