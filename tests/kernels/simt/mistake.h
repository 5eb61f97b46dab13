#pragma once

#include <optional>
#include <string>

namespace slipway::test {

/// A mistake of the program in `file`, at one of the lines that end in the comment `mark`.
struct Mistake {
  std::string kind;
  const char* file;
  std::string mark;
  std::optional<int> device = {};  // of the kernel that makes it
};
/// Whether it is among the findings, with its file and line.
bool was_found(const Mistake& mistake);

/// All findings as text, for messages.
std::string finding_texts();

}  // namespace slipway::test
