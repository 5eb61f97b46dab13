#pragma once

#include <map>
#include <string>

#include "core/tensor/tensor.h"

namespace slipway {

/// Inputs of a model and what it must compute from them, as JSON:
///
///     {"inputs": {"image": {"dtype": "float32", "shape": [2, 3], "data": [0.5, null, ...]}}, "outputs":
///     {...}}
///
/// JSON has no NaN, so null stands for it; an infinity is 1e999, which JSON.parse reads as one.
/// tools/web/verify/verify.mjs compares a runtime with it.
std::string golden_json(const std::map<std::string, Tensor>& inputs,
                        const std::map<std::string, Tensor>& outputs);

}  // namespace slipway
