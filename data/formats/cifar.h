#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "data/formats/bytes.h"

namespace slipway {

inline constexpr std::int64_t kCifarPixels = 3 * 32 * 32;

/// How many label bytes stand before the pixels of a record, which of them counts, and how many classes it
/// has: {1, 0, 10} for CIFAR-10, {2, 1, 100} for the fine labels of CIFAR-100.
struct CifarFormat {
  std::int64_t label_bytes = 1;
  std::int64_t label_at = 0;
  std::int64_t classes = 10;

  std::int64_t record_bytes() const { return label_bytes + kCifarPixels; }
};

/// The number of records in the binary version of the CIFAR data
/// (https://www.cs.toronto.edu/~kriz/cifar.html). `name` stands for the file in messages.
std::int64_t count_cifar_records(Bytes file, const CifarFormat& format, const std::string& name);
/// Splits the records into `images` [records, 3, 32, 32] and `labels` [records].
void parse_cifar(Bytes file, const CifarFormat& format, const std::string& name,
                 std::span<std::uint8_t> images, std::span<std::int64_t> labels);

}  // namespace slipway
