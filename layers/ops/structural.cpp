#include "layers/ops/structural.h"

#include "layers/ops/binary.h"
#include "layers/ops/cast.h"
#include "layers/ops/elementwise.h"
#include "layers/ops/fill.h"
#include "layers/ops/reorder.h"

namespace slipway {

const StructuralOps& structural_ops() {
  static const StructuralOps ops{
      .add = std::make_shared<Binary>(BinaryFunction::add),
      .ones = [](const ValueType& type) -> OpPtr {
        return std::make_shared<Fill>(type.dtype, type.shape, 1);
      },
      .reorder = [](const Layout& to) -> OpPtr { return std::make_shared<Reorder>(to); },
      .cast = [](DType to) -> OpPtr { return std::make_shared<Cast>(to); },
      .cast_all = [](DType to) -> OpPtr { return std::make_shared<CastAll>(to); },
      .chain = chain};
  return ops;
}

}  // namespace slipway
