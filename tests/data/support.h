#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/component.h"
#include "core/base/config_node.h"
#include "data/dataset.h"
#include "data/transform.h"
#include "tests/support/temporary_directory.h"

namespace slipway::test {

/// A component from YAML as a user writes it: make<Dataset>("mnist: {path: data}").
template <class Base>
Slot<Base> make(const std::string& yaml) {
  ConfigErrors errors;
  Slot<Base> slot;
  read_slot(ConfigNode::parse(yaml, "test.yaml"), slot, errors);
  errors.throw_if_any();
  return slot;
}

inline std::shared_ptr<Dataset> open_dataset(const std::string& yaml, const std::string& directory) {
  const Slot<Dataset> slot = make<Dataset>(yaml);
  slot->open(directory);
  return std::static_pointer_cast<Dataset>(slot.component);
}

template <class T>
std::vector<T> values(const Tensor& tensor) {
  const auto items = tensor.as<T>();
  return {items.begin(), items.end()};
}

/// The message of the UserError that `body` throws; a failure if it throws none.
template <class Body>
std::string user_error(Body&& body) {
  try {
    body();
  } catch (const UserError& error) {
    return error.what();
  }
  ADD_FAILURE() << "expected a UserError";
  return "";
}

/// Expects `message` to contain each of the parts.
inline void expect_parts(const std::string& message, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    EXPECT_NE(message.find(part), std::string::npos) << "'" << part << "' is missing in: " << message;
  }
}

/// An IDX file: element type, sizes, and the elements as big-endian bytes.
inline std::string idx_bytes(int type, const std::vector<std::uint32_t>& sizes, const std::string& data) {
  std::string file{'\0', '\0', static_cast<char>(type), static_cast<char>(sizes.size())};
  for (const std::uint32_t size : sizes) {
    for (int shift = 24; shift >= 0; shift -= 8) file += static_cast<char>(size >> shift & 255);
  }
  return file + data;
}

}  // namespace slipway::test
