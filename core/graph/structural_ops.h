#pragma once

#include "core/graph/op.h"

namespace slipway {

/// The few ops that graph transformations insert by themselves. core/ knows no concrete op: layers/ops
/// supplies them.
struct StructuralOps {
  OpPtr add;                             // two values of one type
  OpPtr (*ones)(const ValueType& type);  // no inputs
  OpPtr (*reorder)(const Layout& to);    // one value, same elements in another layout
  OpPtr (*cast)(DType to);               // one value, same elements in another type
  OpPtr (*cast_all)(DType to);           // any number of values of one type, each as `cast`
};

}  // namespace slipway
