#include "tools/onnx/golden.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/shortest.h"

namespace slipway {
namespace {

template <class T>
void append_number(std::string& out, T value) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(value)) {
      out += "null";
      return;
    }
    if (std::isinf(value)) {
      out += value > 0 ? "1e999" : "-1e999";
      return;
    }
  }
  out += shortest(value);
}

void append_tensor(std::string& out, const Tensor& tensor) {
  out += text(R"({"dtype": ")", tensor.dtype(), R"(", "shape": )", tensor.shape(), R"(, "data": [)");
  const Tensor plain = tensor.clone();
  bool first = true;
  visit_dtype(plain.dtype(), [&]<class T>() {
    for (const T value : plain.as<T>()) {
      if (!std::exchange(first, false)) out += ", ";
      if constexpr (std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>)
        append_number(out, static_cast<float>(value));
      else if constexpr (std::is_same_v<T, bool>)
        out += value ? '1' : '0';
      else
        append_number(out, value);
    }
  });
  out += "]}";
}

void append_tensors(std::string& out, const char* key, const std::map<std::string, Tensor>& tensors) {
  out += text(nlohmann::json(key), ": {");
  bool first = true;
  for (const auto& [name, tensor] : tensors) {
    out += std::exchange(first, false) ? "\n    " : ",\n    ";
    out += text(nlohmann::json(name), ": ");
    append_tensor(out, tensor);
  }
  out += "\n  }";
}

}  // namespace

std::string golden_json(const std::map<std::string, Tensor>& inputs,
                        const std::map<std::string, Tensor>& outputs) {
  std::string out = "{\n  ";
  append_tensors(out, "inputs", inputs);
  out += ",\n  ";
  append_tensors(out, "outputs", outputs);
  out += "\n}\n";
  return out;
}

}  // namespace slipway
