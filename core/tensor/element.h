#pragma once

#include <cstring>

#include "core/base/convert.h"
#include "core/base/dtype.h"

namespace slipway {

/// One element of host memory as a double.
inline double load_element(const std::byte* at, DType dtype) {
  return visit_dtype(dtype, [&]<class T>() {
    T value;
    std::memcpy(&value, at, sizeof value);
    return convert<double>(value);
  });
}

/// The inverse; the value is converted.
inline void store_element(std::byte* at, DType dtype, double value) {
  visit_dtype(dtype, [&]<class T>() {
    const T converted = convert<T>(value);
    std::memcpy(at, &converted, sizeof converted);
  });
}

}  // namespace slipway
