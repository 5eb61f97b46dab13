#pragma once

#include <cstdint>
#include <iosfwd>
#include <string_view>

#include "core/base/half.h"

namespace slipway {

enum class DType : std::uint8_t { float32, float64, float16, bfloat16, int8, uint8, int32, int64, boolean };

/// Bytes of one element.
std::size_t size_of(DType dtype);
/// "float32", ..., "bool".
std::string_view to_string(DType dtype);
/// The inverse of to_string; an unknown name is a UserError that lists the known ones.
DType parse_dtype(std::string_view name);
bool is_floating(DType dtype);
/// The dtype in which sums over elements are kept: float32 for the floating-point ones of 16 bits, else
/// `dtype`.
DType accumulator_of(DType dtype);
std::ostream& operator<<(std::ostream& out, DType dtype);

template <class T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::float32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::float64;
};
template <>
struct DTypeOf<float16> {
  static constexpr DType value = DType::float16;
};
template <>
struct DTypeOf<bfloat16> {
  static constexpr DType value = DType::bfloat16;
};
template <>
struct DTypeOf<std::int8_t> {
  static constexpr DType value = DType::int8;
};
template <>
struct DTypeOf<std::uint8_t> {
  static constexpr DType value = DType::uint8;
};
template <>
struct DTypeOf<std::int32_t> {
  static constexpr DType value = DType::int32;
};
template <>
struct DTypeOf<std::int64_t> {
  static constexpr DType value = DType::int64;
};
template <>
struct DTypeOf<bool> {
  static constexpr DType value = DType::boolean;
};

template <class T>
inline constexpr DType dtype_of = DTypeOf<T>::value;

/// Calls `body.template operator()<T>()` with the C++ type of a dtype: visit_dtype(d, [&]<class T>() {...}).
template <class Body>
decltype(auto) visit_dtype(DType dtype, Body&& body) {
  switch (dtype) {
    case DType::float32:
      return body.template operator()<float>();
    case DType::float64:
      return body.template operator()<double>();
    case DType::float16:
      return body.template operator()<float16>();
    case DType::bfloat16:
      return body.template operator()<bfloat16>();
    case DType::int8:
      return body.template operator()<std::int8_t>();
    case DType::uint8:
      return body.template operator()<std::uint8_t>();
    case DType::int32:
      return body.template operator()<std::int32_t>();
    case DType::int64:
      return body.template operator()<std::int64_t>();
    case DType::boolean:
      return body.template operator()<bool>();
  }
  __builtin_unreachable();
}

}  // namespace slipway
