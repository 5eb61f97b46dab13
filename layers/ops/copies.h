#pragma once

#include <vector>

#include "core/graph/op.h"

namespace slipway {

/// One strided copy of an op that only moves elements.
struct Copy {
  int input = 0;
  int output = 0;
  ValueType from;                // a part of the input, as the output sees it
  ValueType to;                  // a part of the output, of the same shape
  std::int64_t from_offset = 0;  // in elements
  std::int64_t to_offset = 0;
};

/// For prepare() and run() of such an op. The input and the output of a copy must not share memory.
std::unique_ptr<OpState> plan_copies(const std::vector<Copy>& copies);
void run_copies(OpContext& context);

/// The part [begin, end) of a value that is not blocked, and the element offset at which it starts.
struct Part {
  ValueType type;
  std::int64_t offset = 0;
};
Part part_of(const ValueType& type, const Dims& begin, const Dims& end);
/// The part [begin, end) of one axis.
Part part_of(const ValueType& type, int axis, std::int64_t begin, std::int64_t end);

}  // namespace slipway
