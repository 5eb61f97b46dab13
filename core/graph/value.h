#pragma once

#include <compare>

namespace slipway {

/// One output of one node of a Graph; a default-constructed Value is none.
struct Value {
  int node = -1;
  int output = 0;

  explicit operator bool() const { return node >= 0; }
  friend auto operator<=>(const Value&, const Value&) = default;
};

}  // namespace slipway
