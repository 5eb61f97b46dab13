#pragma once

#include "core/tensor/tensor.h"

namespace slipway::cuda {

/// dbias[c] = Σ dy over all axes but the second of dy [batch, channels, ...].
class BiasGradient {
 public:
  explicit BiasGradient(const ValueType& dy) : dy_(dy) {}
  std::size_t scratch_bytes() const;
  void run(const Stream& stream, const void* dy, void* dbias, std::byte* scratch) const;

 private:
  ValueType dy_;
};

}  // namespace slipway::cuda
