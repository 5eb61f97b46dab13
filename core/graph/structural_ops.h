#pragma once

#include <span>
#include <vector>

#include "core/graph/op.h"

namespace slipway {

/// One op of several that are to become one. Its inputs: i >= 0 is the value of member i, which comes
/// before; -1 - i is input i of the whole.
struct ChainMember {
  const Op* op = nullptr;
  std::vector<int> inputs;
};

/// The few ops that graph transformations insert by themselves. core/ knows no concrete op: layers/ops
/// supplies them.
struct StructuralOps {
  OpPtr add;                             // two values of one type
  OpPtr (*ones)(const ValueType& type);  // no inputs
  OpPtr (*reorder)(const Layout& to);    // one value, same elements in another layout
  OpPtr (*cast)(DType to);               // one value, same elements in another type
  OpPtr (*cast_all)(DType to);           // any number of values of one type, each as `cast`
  /// The value of the last member, computed element by element in one pass over memory, without types being
  /// looked at; null if the members can't be computed so.
  OpPtr (*chain)(std::span<const ChainMember> members);
};

}  // namespace slipway
