#include "core/tensor/copy_plan.h"

#include <algorithm>
#include <limits>

namespace slipway {
namespace {

/// The offsets along one blocked axis; a layout's offset is the sum of those of its axes.
std::vector<std::int64_t> offsets_along(const Layout& layout, int rank, int axis, std::int64_t size) {
  std::vector<std::int64_t> offsets;
  if (layout.block_size(axis) == 1) return offsets;
  Dims index = Dims::filled(rank, 0);
  for (index[axis] = 0; index[axis] < size; ++index[axis]) offsets.push_back(layout.offset(index));
  return offsets;
}

/// An axis that offers no contiguity comes last in a search for the fastest.
std::int64_t rate(std::int64_t step) {
  return step == 0 ? std::numeric_limits<std::int64_t>::max() : std::abs(step);
}

void bring_to(std::vector<CopyPlan::Axis>& axes, std::size_t place,
              std::int64_t (CopyPlan::Axis::*step)() const) {
  const auto end = axes.begin() + static_cast<std::ptrdiff_t>(place) + 1;
  const auto best = std::min_element(
      axes.begin(), end, [&](const auto& a, const auto& b) { return rate((a.*step)()) < rate((b.*step)()); });
  std::rotate(best, best + 1, end);
}

}  // namespace

CopyPlan::CopyPlan(const ValueType& from, const ValueType& to) : element_bytes(size_of(to.dtype)) {
  require(from.dtype == to.dtype && from.shape == to.shape, "cannot copy ", from, " to ", to);
  if (to.layout.is_blocked() && to.layout.extent(to.shape) != to.elements()) padded_bytes = to.bytes();
  const int rank = to.shape.rank();
  for (int i = 0; i < rank; ++i) {
    if (to.shape[i] == 1) continue;
    Axis axis{.size = to.shape[i],
              .from_stride = from.layout.strides()[i],
              .to_stride = to.layout.strides()[i],
              .from_offsets = offsets_along(from.layout, rank, i, to.shape[i]),
              .to_offsets = offsets_along(to.layout, rank, i, to.shape[i])};
    const bool plain = axis.from_offsets.empty() && axis.to_offsets.empty();
    if (!axes.empty() && plain) {  // one loop over two axes that continue each other
      Axis& outer = axes.back();
      if (outer.from_offsets.empty() && outer.to_offsets.empty() &&
          outer.from_stride == axis.from_stride * axis.size &&
          outer.to_stride == axis.to_stride * axis.size) {
        outer.size *= axis.size;
        outer.from_stride = axis.from_stride;
        outer.to_stride = axis.to_stride;
        continue;
      }
    }
    axes.push_back(std::move(axis));
  }
  while (axes.size() < 2) axes.insert(axes.begin(), Axis{});
  std::stable_sort(axes.begin(), axes.end(),
                   [](const Axis& a, const Axis& b) { return rate(a.to_step()) > rate(b.to_step()); });
  bring_to(axes, axes.size() - 1, &Axis::to_step);
  const bool runs_together = axes.back().from_step() == 1 && axes.back().to_step() == 1;
  bring_to(axes, axes.size() - 2, runs_together ? &Axis::to_step : &Axis::from_step);
}

}  // namespace slipway
