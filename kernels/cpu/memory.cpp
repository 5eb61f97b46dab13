#include "kernels/memory.h"

#include <cstring>

#include "core/base/convert.h"
#include "kernels/cpu/parallel.h"

namespace slipway::cpu {
namespace {

void run_fill(const Stream& stream, const FillArgs& args) {
  visit_dtype(args.dtype, [&]<class T>() {
    T* y = static_cast<T*>(args.y);
    const T value = convert<T>(args.value);
    parallel_for(stream, args.count, kParallelGrain,
                 [=](std::int64_t begin, std::int64_t end) { std::fill(y + begin, y + end, value); });
  });
}

void run_copy(const Stream& stream, const CopyArgs& args) {
  constexpr std::int64_t kGrainBytes = 4 * kParallelGrain;
  const char* from = static_cast<const char*>(args.from);
  char* to = static_cast<char*>(args.to);
  parallel_for(stream, static_cast<std::int64_t>(args.bytes), kGrainBytes,
               [=](std::int64_t begin, std::int64_t end) {
                 std::memcpy(to + begin, from + begin, static_cast<std::size_t>(end - begin));
               });
}

/// Whether the element at a place in the memory of a dense blocked value is padding.
bool is_padding(const ValueType& type, std::int64_t place) {
  const Layout& layout = type.layout;
  Dims index = Dims::filled(type.shape.rank(), 0), scale = Dims::filled(type.shape.rank(), 1);
  std::int64_t inner = place;
  for (int i = layout.blocks() - 1; i >= 0; --i) {
    const Layout::Block block = layout.block(i);
    index[block.axis] += inner % block.size * scale[block.axis];
    scale[block.axis] *= block.size;
    inner /= block.size;
  }
  for (int axis = 0; axis < index.rank(); ++axis) {
    if (scale[axis] == 1) continue;
    const std::int64_t outer = (type.shape[axis] + scale[axis] - 1) / scale[axis];
    if (place / layout.strides()[axis] % outer * scale[axis] + index[axis] >= type.shape[axis]) return true;
  }
  return false;
}

void run_zero_padding(const Stream& stream, const ZeroPaddingArgs& args) {
  const ValueType& type = args.y.type;
  const std::int64_t places = type.layout.extent(type.shape);
  if (!type.layout.is_blocked() || places == type.elements()) return;
  const std::size_t element = size_of(type.dtype);
  parallel_for(stream, places, kParallelGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      if (is_padding(type, i)) std::memset(args.y.data + static_cast<std::size_t>(i) * element, 0, element);
    }
  });
}

const KernelRegistrar<FillArgs> kFill(fill, DeviceKind::cpu, run_fill);
const KernelRegistrar<CopyArgs> kCopy(copy_bytes, DeviceKind::cpu, run_copy);
const KernelRegistrar<ZeroPaddingArgs> kZeroPadding(zero_padding, DeviceKind::cpu, run_zero_padding);

}  // namespace
}  // namespace slipway::cpu
