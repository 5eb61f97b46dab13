#pragma once

#include <iosfwd>
#include <string>

#include "core/tensor/device.h"

namespace slipway {

struct KernelBenchmark {
  std::string only;   // a regular expression for the slots to run; empty: all
  std::string ptxas;  // a file with what `ptxas --verbose` printed of the kernels; empty: none
};
/// Times all kernel cases, by Slipway's own kernels, not by libraries; on a simulated GPU that checks every
/// access, counts what they do to memory instead. UserError unless the stream is a GPU's.
void bench_kernels(std::ostream& out, const Stream& stream, const KernelBenchmark& benchmark);

}  // namespace slipway
