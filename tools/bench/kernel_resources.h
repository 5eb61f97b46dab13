#pragma once

#include <iosfwd>
#include <map>
#include <string>

namespace slipway {

/// What a compiled kernel takes of a multiprocessor.
struct KernelResources {
  int registers = 0;            // of a thread
  int static_shared_bytes = 0;  // of a block
  int stack_bytes = 0;          // of a thread: arrays that are indexed at run time, calls
  int spilled_bytes = 0;        // stored and loaded by a thread because registers did not suffice
};

/// What `ptxas --verbose` printed of each kernel, by the name that demangled_function() gives it; where it
/// was compiled more than once, for several architectures, the most of each.
using ResourceTable = std::map<std::string, KernelResources>;
ResourceTable read_kernel_resources(std::istream& printed);

}  // namespace slipway
