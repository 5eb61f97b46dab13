#include <vector>

#include "data/formats/cifar.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slipway;
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  for (const CifarFormat& format : {CifarFormat{1, 0, 10}, CifarFormat{2, 0, 20}, CifarFormat{2, 1, 100}}) {
    try {
      const auto records = static_cast<std::size_t>(count_cifar_records(bytes, format, "fuzz.bin"));
      std::vector<std::uint8_t> images(records * kCifarPixels);
      std::vector<std::int64_t> labels(records);
      parse_cifar(bytes, format, "fuzz.bin", images, labels);
    } catch (const UserError&) {
    }
  }
  return 0;
}
