#pragma once

#include "core/base/dtype.h"
#include "core/base/error.h"

namespace slipway::cpu {

/// Calls body.template operator()<T>() with T = float or double; any other dtype is an Error that names
/// `kernel`.
template <class Body>
void visit_float(DType dtype, const char* kernel, Body&& body) {
  if (dtype == DType::float32)
    body.template operator()<float>();
  else if (dtype == DType::float64)
    body.template operator()<double>();
  else
    throw Error(text(kernel, ": expects float32 or float64, got ", dtype));
}

}  // namespace slipway::cpu
