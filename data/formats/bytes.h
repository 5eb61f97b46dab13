#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <string>

#include "core/tensor/tensor.h"

namespace slipway {

using Bytes = std::span<const std::byte>;

/// The bytes of a file as uint8[size], at most the first `most`; a gzip file is unpacked. Unreadable or
/// damaged: UserError.
Tensor read_file(const std::string& path, std::size_t most = std::numeric_limits<std::size_t>::max());
/// `bytes` as uint8[size].
Tensor to_tensor(Bytes bytes);
inline Bytes bytes_of(const Tensor& tensor) { return {tensor.view().data, tensor.type().bytes()}; }

/// `path`, seen from `base_directory`.
std::string resolve_path(const std::string& base_directory, const std::string& path);

/// Reads a file's bytes in order. A read past the end is a UserError with file, byte and what was expected.
class ByteReader {
 public:
  /// `name` stands for the file in messages.
  ByteReader(Bytes bytes, std::string name) : bytes_(bytes), name_(std::move(name)) {}

  std::size_t position() const { return position_; }
  std::size_t remaining() const { return bytes_.size() - position_; }
  const std::string& name() const { return name_; }

  Bytes take(std::size_t count, const char* what);
  std::uint8_t u8(const char* what) { return std::to_integer<std::uint8_t>(take(1, what)[0]); }
  std::uint32_t big_endian_u32(const char* what);

 private:
  Bytes bytes_;
  std::string name_;
  std::size_t position_ = 0;
};

}  // namespace slipway
