#pragma once

namespace slipway::simt {

/// A place in a kernel's source. As a function's last argument, `Site site = Site::here()` is where it is
/// called.
struct Site {
  const char* file = nullptr;
  int line = 0;

  static constexpr Site here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
  friend constexpr bool operator==(const Site& a, const Site& b) {
    return a.line == b.line && (a.file == b.file || (a.file && b.file && same_text(a.file, b.file)));
  }

 private:
  static constexpr bool same_text(const char* a, const char* b) {
    while (*a && *a == *b) ++a, ++b;
    return *a == *b;
  }
};

}  // namespace slipway::simt
