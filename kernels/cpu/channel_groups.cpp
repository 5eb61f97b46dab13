#include "kernels/cpu/channel_groups.h"

#include "core/base/error.h"

namespace slipway::cpu {

ChannelGroups::ChannelGroups(const ValueType& type, const char* kernel)
    : batch(type.shape[0]), channels(type.shape[1]), pixels(type.shape.elements(2, type.shape.rank())) {
  const Layout& layout = type.layout;
  const Dims& strides = layout.strides();
  const int rank = type.shape.rank();
  // The spatial axes must be one dense run of pixels.
  pixel_stride = rank > 2 ? strides[rank - 1] : 0;
  bool dense = true;
  std::int64_t expected = pixel_stride;
  for (int axis = rank - 1; axis >= 2; --axis) {
    dense = dense && (type.shape[axis] <= 1 || strides[axis] == expected);
    expected *= type.shape[axis];
  }
  batch_stride = strides[0];
  padded = layout.is_blocked();
  if (layout.blocks() == 1 && layout.block(0).axis == 1 && layout.block(0).size <= kLanes) {
    lanes = layout.block(0).size;
    group_stride = strides[1];
    dense = dense && pixel_stride == lanes;
  } else if (!padded && strides[1] == 1 && channels > 1) {  // the channels are innermost
    lanes = static_cast<int>(std::min<std::int64_t>(kLanes, channels));
    group_stride = lanes;
  } else {
    lanes = 1;
    group_stride = strides[1];
    dense = dense && !padded && (pixels <= 1 || pixel_stride == 1);
  }
  groups = (channels + lanes - 1) / lanes;
  require(dense, kernel, ": expects channels side by side or pixels side by side, got ", type);
}

}  // namespace slipway::cpu
