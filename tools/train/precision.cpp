#include "tools/train/precision.h"

#include <algorithm>
#include <array>

#include "core/graph/passes/passes.h"
#include "layers/ops/structural.h"

namespace slipway {
namespace {

/// In the order of Precision.
constexpr std::array<const char*, 4> kNames = {"float32", "tf32", "bfloat16", "float16"};

bool offers(Device device, Precision precision) {
  return device.kind == DeviceKind::cuda || precision == Precision::float32;
}

}  // namespace

std::vector<std::string> precision_names() { return {kNames.begin(), kNames.end()}; }

std::string to_string(Precision precision) { return kNames[static_cast<std::size_t>(precision)]; }

Precision parse_precision(const std::string& name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  require(found != kNames.end(), "precision: there is no '", name, "'");
  return static_cast<Precision>(found - kNames.begin());
}

std::optional<DType> reduced_dtype(Precision precision) {
  if (precision == Precision::bfloat16) return DType::bfloat16;
  if (precision == Precision::float16) return DType::float16;
  return std::nullopt;
}

bool needs_loss_scaling(Precision precision) { return precision == Precision::float16; }

MatrixPrecision matrix_precision(Precision precision) {
  return precision == Precision::tf32 ? MatrixPrecision::tf32 : MatrixPrecision::float32;
}

void require_precision(Device device, Precision precision, const SourcePosition& where) {
  if (offers(device, precision)) return;
  std::string offered;
  for (const char* name : kNames) {
    if (offers(device, parse_precision(name))) offered += text(offered.empty() ? "" : ", ", name);
  }
  throw UserError(text(where, ": precision: ", to_string(device), " does not compute in ",
                       to_string(precision), ", expected ", offered, " or another device"));
}

Precision precision_on(Device device, Precision trained) {
  return offers(device, trained) ? trained : Precision::float32;
}

Graph in_precision(Graph graph, Precision precision) {
  const std::optional<DType> reduced = reduced_dtype(precision);
  return reduced ? lower_precision(graph, *reduced, structural_ops()) : std::move(graph);
}

}  // namespace slipway
