#include "tools/train/observers/html.h"

#include <cstddef>
#include <cstdint>

namespace slipway {
namespace {

/// Bytes of the UTF-8 character that `text` starts with; 0 if there is none.
std::size_t character_bytes(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const std::size_t size = first < 0x80                    ? 1
                           : first >= 0xc2 && first < 0xe0 ? 2
                           : (first & 0xf0) == 0xe0        ? 3
                           : first >= 0xf0 && first < 0xf5 ? 4
                                                           : 0;
  if (size > text.size()) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return size;
}

}  // namespace

std::string html_text(std::string_view text) {
  std::string html;
  while (!text.empty()) {
    const std::size_t size = character_bytes(text);
    const char first = text[0];
    if (size == 0)
      html += "\xef\xbf\xbd";
    else if (first == '&')
      html += "&amp;";
    else if (first == '<')
      html += "&lt;";
    else if (first == '>')
      html += "&gt;";
    else if (first == '"')
      html += "&quot;";
    else if (first == '\'')
      html += "&#39;";
    else
      html += text.substr(0, size);
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return html;
}

std::string base64(std::string_view bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i)
      group = group << 8 | (at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0u);
    for (std::size_t i = 0; i < 4; ++i)
      text += at + i <= bytes.size() ? kDigits[group >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

}  // namespace slipway
