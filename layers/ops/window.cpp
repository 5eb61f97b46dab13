#include "layers/ops/window.h"

#include "core/base/error.h"
#include "core/base/shape.h"

namespace slipway {

void check_window(const char* actor, const Window2d& window) {
  for (std::size_t k = 0; k < 2; ++k) {
    require(window.stride[k] >= 1, actor, ": stride must be at least 1, got ", window.stride[k]);
    require(window.dilation[k] >= 1, actor, ": dilation must be at least 1, got ", window.dilation[k]);
    require(window.padding_begin[k] >= 0 && window.padding_end[k] >= 0, actor,
            ": padding must not be negative, got ", window.padding_begin[k], " and ", window.padding_end[k]);
  }
}

std::int64_t window_output_size(const char* actor, const Window2d& window, int axis, std::int64_t size,
                                std::int64_t kernel) {
  const auto k = static_cast<std::size_t>(axis);
  const std::int64_t padded = size + window.padding_begin[k] + window.padding_end[k];
  const std::int64_t reach = (kernel - 1) * window.dilation[k] + 1;
  require(kernel >= 1 && padded >= reach, actor, ": a kernel that reaches over ", reach,
          axis ? " columns" : " rows", " does not fit into ", padded, " (padding included)");
  return (padded - reach) / window.stride[k] + 1;
}

std::string describe_window(const Window2d& window) {
  std::string result;
  const auto& [stride, dilation, begin, end] = window;
  if (stride != std::array<std::int64_t, 2>{1, 1}) result += text(" stride=", Dims{stride[0], stride[1]});
  if (dilation != std::array<std::int64_t, 2>{1, 1}) {
    result += text(" dilation=", Dims{dilation[0], dilation[1]});
  }
  if (begin[0] || begin[1] || end[0] || end[1]) {
    result += text(" padding=", Dims{begin[0], begin[1], end[0], end[1]});
  }
  return result;
}

}  // namespace slipway
