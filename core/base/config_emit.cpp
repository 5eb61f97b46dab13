#include <algorithm>
#include <array>
#include <cctype>

#include "core/base/config_node.h"
#include "core/base/error.h"

namespace slipway {
namespace {

constexpr std::size_t kMaxFlowWidth = 90;

bool is_alnum(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

/// Whether YAML reads `value`, written without quotes anywhere, as these very characters.
bool is_plain_safe(std::string_view value) {
  if (value.empty() || value.back() == ' ' || value.find("  ") != std::string_view::npos) return false;
  const bool signed_number = value.size() > 1 && (value[0] == '-' || value[0] == '+') &&
                             (is_alnum(value[1]) || (value[1] == '.' && value.size() > 2));
  const bool begins = is_alnum(value[0]) || value[0] == '_' || value[0] == '/' || value[0] == '$' ||
                      (value[0] == '.' && value.size() > 1 && value[1] != '.') || signed_number;
  return begins && std::ranges::all_of(value, [](char c) {
           return is_alnum(c) || std::string_view("_-./+$%()^*@=<> ").find(c) != std::string_view::npos;
         });
}

/// Whether some YAML reader would take the plain text for something other than a string.
bool looks_typed(std::string_view value) {
  if (value.empty() || std::string_view("0123456789+-.$").find(value[0]) != std::string_view::npos)
    return true;
  std::string lower(value);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::array kWords = {"null", "true", "false", "yes", "no", "on", "off", "y", "n", "inf", "nan"};
  return std::ranges::find(kWords, lower) != kWords.end();
}

std::string in_quotes(std::string_view value) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string inline_value(const ConfigNode& node) {
  if (node.is_null()) return "null";
  const std::string& value = node.scalar();
  return is_plain_safe(value) && !(node.is_quoted() && looks_typed(value)) ? value : in_quotes(value);
}

std::string inline_key(const std::string& key) {
  return is_plain_safe(key) && !looks_typed(key) ? key : in_quotes(key);
}

/// `[3, 3]`, or "" where the sequence is better written a line an item.
std::string flow_sequence(const ConfigNode& node) {
  std::string out = "[";
  for (const ConfigNode& item : node.items()) {
    if (!item.is_null() && !item.is_scalar()) return "";
    out += (out.size() == 1 ? "" : ", ") + inline_value(item);
    if (out.size() > kMaxFlowWidth) return "";
  }
  return out + "]";
}

void write_block(const ConfigNode& node, std::size_t indent, std::string& out);

/// What follows `key:` or stands alone: on the same line if it is short, else below.
void write_after_key(const ConfigNode& node, std::size_t indent, std::string& out) {
  if (node.is_null() || node.is_scalar()) {
    out += " " + inline_value(node) + "\n";
  } else if (node.is_mapping() && node.entries().empty()) {
    out += " {}\n";
  } else if (const std::string flow = node.is_sequence() ? flow_sequence(node) : ""; !flow.empty()) {
    out += " " + flow + "\n";
  } else {
    out += "\n";
    out.append(indent, ' ');
    write_block(node, indent, out);
  }
}

/// A sequence or mapping that is not empty, the cursor at its first column.
void write_block(const ConfigNode& node, std::size_t indent, std::string& out) {
  bool first = true;
  const auto begin_line = [&] {
    if (!first) out.append(indent, ' ');
    first = false;
  };
  for (const ConfigNode::Entry& entry : node.entries()) {
    begin_line();
    out += inline_key(entry.key) + ":";
    write_after_key(entry.value, indent + 2, out);
  }
  for (const ConfigNode& item : node.items()) {
    begin_line();
    out += "-";
    if (item.is_mapping() && !item.entries().empty()) {
      out += " ";
      write_block(item, indent + 2, out);
    } else {
      write_after_key(item, indent + 2, out);
    }
  }
}

}  // namespace

std::string ConfigNode::to_yaml() const {
  std::string out;
  write_after_key(*this, 0, out);
  return out.substr(out.find_first_not_of(" \n"));
}

}  // namespace slipway
