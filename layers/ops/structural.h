#pragma once

#include "core/graph/structural_ops.h"

namespace slipway {

/// The ops that graph transformations in core/ insert.
const StructuralOps& structural_ops();

}  // namespace slipway
