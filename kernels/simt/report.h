#pragma once

#include <vector_types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/simt/site.h"

namespace slipway::simt {

/// A mistake that a simulated GPU saw.
struct Finding {
  std::string kind;     // "race", "out of bounds", "deadlock", ...
  std::string message;  // what happened there
  std::string kernel;   // or what else was running
  std::string file;     // where; empty if it is not known
  int line = 0;
  int device = -1;  // and the rest: of the thread that made it, if a kernel did
  uint3 block{};
  uint3 thread{};
};
/// "race in softmax_forward, kernels/cuda/softmax.cu:41, block (0,0,3), thread (5,0,0) of cuda:0: ..."
std::string to_string(const Finding& finding);

/// What is known where a mistake is seen. Kernel, block and thread are the running ones.
struct Report {
  std::string kind;
  std::string message;
  Site site;                 // or
  const void* pc = nullptr;  // the instruction's address, of which file and line are looked up
};
/// Records a finding, once for each kind and place. With FindingPolicy::raise it is also printed.
void report(const Report& report);

/// All findings since the last clear_findings().
std::vector<Finding> findings();
void clear_findings();

/// The texts of findings that FindingPolicy::raise has yet to raise; the caller raises them. Empty if there
/// are none.
std::string take_unraised();

/// "0x0000ffff"
std::string hexadecimal(std::uint32_t value);

}  // namespace slipway::simt
