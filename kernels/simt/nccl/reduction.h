#pragma once

#include <nccl.h>

#include <cstddef>
#include <vector>

namespace slipway::simt {

/// Bytes of an element; 0 for a type that the simulator does not know.
std::size_t size_of(ncclDataType_t type);

struct Reduction {
  ncclDataType_t type = ncclFloat32;
  ncclRedOp_t op = ncclSum;
  std::size_t count = 0;
};
/// target[i] = op(sources[0][i], sources[1][i], ...), in the order of the sources; 16-bit floats are
/// accumulated in float32. The target may be one of the sources.
void reduce(const Reduction& reduction, const std::vector<const void*>& sources, void* target);

}  // namespace slipway::simt
