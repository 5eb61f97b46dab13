#include "layers/ops/copies.h"

#include "kernels/reorder.h"

namespace slipway {
namespace {

class CopiesState : public OpState {
 public:
  struct Planned {
    int input, output;
    CopyPlan plan;
    std::size_t from_bytes, to_bytes;
  };
  std::vector<Planned> copies;
};

}  // namespace

std::unique_ptr<OpState> plan_copies(const std::vector<Copy>& copies) {
  auto state = std::make_unique<CopiesState>();
  for (const Copy& copy : copies) {
    const std::size_t element = size_of(copy.to.dtype);
    state->copies.push_back({.input = copy.input,
                             .output = copy.output,
                             .plan = CopyPlan(copy.from, copy.to),
                             .from_bytes = static_cast<std::size_t>(copy.from_offset) * element,
                             .to_bytes = static_cast<std::size_t>(copy.to_offset) * element});
  }
  return state;
}

void run_copies(OpContext& context) {
  for (const CopiesState::Planned& copy : context.prepared<CopiesState>().copies) {
    const TensorView &x = context.input(copy.input), &y = context.output(copy.output);
    if (y.elements() == 0 || x.elements() == 0) continue;
    reorder(context.stream,
            {.plan = &copy.plan, .from = x.data + copy.from_bytes, .to = y.data + copy.to_bytes});
  }
}

Part part_of(const ValueType& type, const Dims& begin, const Dims& end) {
  Part part{.type = type};
  for (int axis = 0; axis < type.shape.rank(); ++axis) {
    part.type.shape[axis] = end[axis] - begin[axis];
    part.offset += begin[axis] * type.layout.strides()[axis];
  }
  return part;
}

Part part_of(const ValueType& type, int axis, std::int64_t begin, std::int64_t end) {
  Dims from = Dims::filled(type.shape.rank(), 0), to = type.shape;
  from[axis] = begin;
  to[axis] = end;
  return part_of(type, from, to);
}

}  // namespace slipway
