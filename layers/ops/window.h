#pragma once

#include <string>

#include "kernels/window2d.h"

namespace slipway {

/// The size that a window leaves of one axis; Error naming `actor` if nothing is left.
std::int64_t window_output_size(const char* actor, const Window2d& window, int axis, std::int64_t size,
                                std::int64_t kernel);
/// Error naming `actor` unless strides and dilations are positive and paddings not negative.
void check_window(const char* actor, const Window2d& window);
/// "stride=[2, 2] padding=[1, 1, 1, 1]": what differs from the default; begins with a space if not empty.
std::string describe_window(const Window2d& window);

}  // namespace slipway
