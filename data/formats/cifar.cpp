#include "data/formats/cifar.h"

#include <cstring>

namespace slipway {

std::int64_t count_cifar_records(Bytes file, const CifarFormat& format, const std::string& name) {
  const auto size = static_cast<std::int64_t>(file.size());
  require_user(size > 0 && size % format.record_bytes() == 0, name, ": has ", size,
               " bytes, expected a multiple of a record's ", format.record_bytes());
  return size / format.record_bytes();
}

void parse_cifar(Bytes file, const CifarFormat& format, const std::string& name,
                 std::span<std::uint8_t> images, std::span<std::int64_t> labels) {
  const std::int64_t records = count_cifar_records(file, format, name);
  require(static_cast<std::int64_t>(images.size()) == records * kCifarPixels &&
              static_cast<std::int64_t>(labels.size()) == records,
          name, ": ", records, " records do not fit the memory given");
  for (std::int64_t i = 0; i < records; ++i) {
    const std::int64_t start = i * format.record_bytes();
    const auto label = std::to_integer<std::int64_t>(file[static_cast<std::size_t>(start + format.label_at)]);
    require_user(label < format.classes, name, ": byte ", start + format.label_at, ": label ", label,
                 ", expected 0 to ", format.classes - 1);
    labels[static_cast<std::size_t>(i)] = label;
    std::memcpy(images.data() + i * kCifarPixels, file.data() + start + format.label_bytes, kCifarPixels);
  }
}

}  // namespace slipway
