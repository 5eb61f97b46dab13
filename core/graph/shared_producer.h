#pragma once

#include "core/graph/op.h"

namespace slipway {

/// Of an op that can compute what it reads even if others read it too.
class FusesSharedProducer {
 public:
  virtual ~FusesSharedProducer() = default;

  /// Op::fuse_producer for a producer whose value has other readers, all of them behind this op: the fused op
  /// has that value as one more output, behind its own.
  virtual OpPtr fuse_shared_producer(const Op& producer, int input) const = 0;
};

}  // namespace slipway
