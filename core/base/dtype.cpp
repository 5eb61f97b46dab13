#include "core/base/dtype.h"

#include <array>
#include <ostream>

#include "core/base/error.h"

namespace slipway {
namespace {

struct DTypeInfo {
  std::string_view name;
  std::size_t size;
};

constexpr std::array<DTypeInfo, 9> kInfo = {{{"float32", 4},
                                             {"float64", 8},
                                             {"float16", 2},
                                             {"bfloat16", 2},
                                             {"int8", 1},
                                             {"uint8", 1},
                                             {"int32", 4},
                                             {"int64", 8},
                                             {"bool", 1}}};

const DTypeInfo& info(DType dtype) { return kInfo[static_cast<std::size_t>(dtype)]; }

}  // namespace

std::size_t size_of(DType dtype) { return info(dtype).size; }
std::string_view to_string(DType dtype) { return info(dtype).name; }
std::ostream& operator<<(std::ostream& out, DType dtype) { return out << to_string(dtype); }
bool is_floating(DType dtype) { return dtype <= DType::bfloat16; }
DType accumulator_of(DType dtype) {
  return dtype == DType::float16 || dtype == DType::bfloat16 ? DType::float32 : dtype;
}

DType parse_dtype(std::string_view name) {
  for (std::size_t i = 0; i < kInfo.size(); ++i) {
    if (kInfo[i].name == name) return static_cast<DType>(i);
  }
  std::string known;
  for (const DTypeInfo& each : kInfo) known += text(known.empty() ? "" : ", ", each.name);
  throw UserError(text("dtype '", name, "' is unknown, expected one of ", known));
}

}  // namespace slipway
