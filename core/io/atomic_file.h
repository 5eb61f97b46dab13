#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace slipway {

/// Replaces a file as one transaction: bytes go to a temporary name in the same directory; commit() flushes
/// them to the disk and renames. Whatever happens before that (full disk, crash, exception) leaves the old
/// file as it was; a reader sees the old file or the new one, never a part. Errors name the file.
class AtomicFile {
 public:
  explicit AtomicFile(std::string path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  /// Removes the temporary file unless commit() succeeded.
  ~AtomicFile();

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  /// After this the file is there under its name, and survives a power failure.
  void commit();

 private:
  std::string path_, temporary_;
  int descriptor_ = -1;
};

/// Temporary files of AtomicFile are called NAME.PID.tmp: what a killed process left can be recognised.
inline constexpr std::string_view kTemporarySuffix = ".tmp";

void write_file_atomically(const std::string& path, std::string_view contents);

}  // namespace slipway
