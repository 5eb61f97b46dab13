#include "data/formats/bytes.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace slipway {
namespace {

struct GzipCloser {
  void operator()(gzFile file) const { gzclose_r(file); }
};

constexpr std::size_t kLargestRead = std::size_t{1} << 30;  // gzread counts in unsigned int and returns int

}  // namespace

Tensor read_file(const std::string& path, std::size_t most) {
  std::error_code failure;
  require_user(!std::filesystem::is_directory(path, failure), path, ": is a directory, expected a file");
  errno = 0;
  const std::unique_ptr<gzFile_s, GzipCloser> file(gzopen(path.c_str(), "rb"));
  require_user(file != nullptr, path, ": cannot be opened: ", std::strerror(errno != 0 ? errno : ENOMEM));
  gzbuffer(file.get(), 1 << 18);
  const auto on_disk = std::filesystem::file_size(path, failure);
  // One byte more than the file has, so that the end is seen without growing.
  std::size_t capacity = std::min(most, failure ? 1 << 16 : static_cast<std::size_t>(on_disk) + 1), size = 0;
  Tensor bytes(DType::uint8, Shape{static_cast<std::int64_t>(capacity)});
  while (size < most) {
    const std::size_t wanted = std::min(capacity - size, kLargestRead);
    const int count = gzread(file.get(), bytes.view().data + size, static_cast<unsigned>(wanted));
    int code = Z_OK;
    const char* problem = gzerror(file.get(), &code);
    // A truncated gzip file ends with Z_BUF_ERROR.
    require_user(count >= 0 && code >= 0, path, ": cannot be read after byte ", size + std::max(count, 0),
                 ": ", code == Z_ERRNO ? std::strerror(errno) : problem);
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
    if (size < capacity || size == most) continue;
    capacity = std::min(most, 2 * capacity);
    Tensor larger(DType::uint8, Shape{static_cast<std::int64_t>(capacity)});
    std::memcpy(larger.view().data, bytes.view().data, size);
    bytes = larger;
  }
  return bytes.slice(0, 0, static_cast<std::int64_t>(size));
}

Tensor to_tensor(Bytes bytes) {
  Tensor tensor(DType::uint8, Shape{static_cast<std::int64_t>(bytes.size())});
  if (!bytes.empty()) std::memcpy(tensor.view().data, bytes.data(), bytes.size());
  return tensor;
}

std::string resolve_path(const std::string& base_directory, const std::string& path) {
  return (std::filesystem::path(base_directory) / path).lexically_normal().string();
}

Bytes ByteReader::take(std::size_t count, const char* what) {
  require_user(count <= remaining(), name_, ": byte ", position_, ": ", what, " takes ", count,
               " bytes, the file has ", remaining(), " left");
  const Bytes part = bytes_.subspan(position_, count);
  position_ += count;
  return part;
}

std::uint32_t ByteReader::big_endian_u32(const char* what) {
  std::uint32_t value = 0;
  for (const std::byte byte : take(4, what)) value = value << 8 | std::to_integer<std::uint32_t>(byte);
  return value;
}

}  // namespace slipway
