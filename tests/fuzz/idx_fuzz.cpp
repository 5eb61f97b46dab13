#include "data/formats/bytes.h"
#include "data/formats/idx.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slipway;
  try {
    const Tensor tensor = parse_idx(to_tensor({reinterpret_cast<const std::byte*>(data), size}), "fuzz.idx");
    copy_elements(tensor, Tensor(DType::float64, tensor.shape()));  // touches every element
  } catch (const UserError&) {
  }
  return 0;
}
