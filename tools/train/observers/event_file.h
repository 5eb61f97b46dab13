#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

#include "tools/train/observers/picture.h"

namespace slipway {

/// An event file as TensorBoard reads it: records in TFRecord framing (length, its masked CRC-32C, data, its
/// masked CRC-32C), each a protobuf message `Event` of tensorflow/core/util/event.proto.
class EventFile {
 public:
  /// Starts a file in a directory, which is made; its name tells the time, as TensorBoard expects.
  /// `first_step`: what other files of the directory hold from this step on is void.
  EventFile(const std::string& directory, std::int64_t first_step);

  /// Values of one step, then flush().
  void scalar(std::int64_t step, const std::string& tag, double value);
  void image(std::int64_t step, const std::string& tag, const Picture& picture);
  void text(std::int64_t step, const std::string& tag, const std::string& markdown);
  void flush();

  const std::string& path() const { return path_; }

 private:
  void write_event(std::int64_t step, int field, const std::string& content);

  std::string path_;
  std::ofstream file_;
};

/// CRC-32C (Castagnoli; RFC 3720, appendix B.4).
std::uint32_t crc32c(std::string_view bytes);

}  // namespace slipway
