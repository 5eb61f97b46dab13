#pragma once

#include <ostream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace slipway {

/// Something went wrong; the message names the actor, the fact and the expectation.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The user can mend it: a config, a file, a shape, an argument. The command line exits with code 2.
class UserError : public Error {
 public:
  using Error::Error;
};

/// Streams all arguments into one string: text("conv2d: ", 3, " inputs").
template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return std::move(out).str();
}

/// Throws Error unless `condition` holds; the message is built only on failure.
template <class... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) throw Error(text(parts...));
}

/// Throws UserError unless `condition` holds.
template <class... Parts>
void require_user(bool condition, const Parts&... parts) {
  if (!condition) throw UserError(text(parts...));
}

}  // namespace slipway
