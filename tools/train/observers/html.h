#pragma once

#include <string>
#include <string_view>

namespace slipway {

/// Text as it must stand in HTML, in attributes too. What is not UTF-8 becomes U+FFFD.
std::string html_text(std::string_view text);
/// RFC 4648.
std::string base64(std::string_view bytes);

}  // namespace slipway
