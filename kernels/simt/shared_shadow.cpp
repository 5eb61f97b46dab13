#include "kernels/simt/shared_shadow.h"

#include <algorithm>

#include "core/base/error.h"
#include "kernels/simt/block.h"

namespace slipway::simt {
namespace {

constexpr const char* kGapName = "simt_redzone_";  // intrinsics.h puts one before every __shared__ variable

bool is_gap(const ThreadLocal& variable) { return variable.name.find(kGapName) != std::string::npos; }

// "tile" of _ZZN7slipway12_GLOBAL__N_14gemmEPKfE4tile: the digits before a local name tell its length.
std::string local_name(const std::string& mangled) {
  for (std::size_t at = mangled.size(); at-- > 0;) {
    if (mangled[at] < '0' || mangled[at] > '9') continue;
    std::size_t first = at;
    while (first > 0 && mangled[first - 1] >= '0' && mangled[first - 1] <= '9') --first;
    for (; first <= at; ++first) {
      const std::size_t length = std::stoul(mangled.substr(first, at - first + 1));
      if (at + 1 + length <= mangled.size() && length > 0) return mangled.substr(at + 1, length);
    }
  }
  return mangled;
}

}  // namespace

SharedShadow::SharedShadow() : dynamic_(kMaxSharedBytes / 2 + 1) {
  for (ThreadLocalBlock& block : thread_local_blocks()) {
    const std::size_t cells = block.bytes / 2 + 1;
    modules_.push_back({std::move(block), ShadowPages<Cell>(cells)});
  }
}

SharedShadow& SharedShadow::local() {
  static thread_local SharedShadow shadow;
  return shadow;
}

const SharedShadow::Module* SharedShadow::module_of(const char* address) const {
  const auto found = std::find_if(modules_.begin(), modules_.end(), [address](const Module& module) {
    return address >= module.block.begin && address < module.block.begin + module.block.bytes;
  });
  return found == modules_.end() ? nullptr : &*found;
}

Cell* SharedShadow::find_static(const char* address) {
  const Module* module = module_of(address);
  if (!module) return nullptr;
  return &const_cast<Module*>(module)->cells[static_cast<std::size_t>(address - module->block.begin) / 2];
}

std::string SharedShadow::out_of_bounds(const char* address, std::size_t bytes) const {
  const Module* module = module_of(address);
  const auto& variables = module->block.variables;
  const auto offset = static_cast<std::size_t>(address - module->block.begin);
  const auto above =
      std::upper_bound(variables.begin(), variables.end(), offset,
                       [](std::size_t at, const ThreadLocal& variable) { return at < variable.offset; });
  // The variable that starts at or before the address, and the one that is being overrun from there.
  auto variable = std::find_if(std::make_reverse_iterator(above), variables.rend(),
                               [](const ThreadLocal& candidate) { return !is_gap(candidate); });
  if (variable == variables.rend()) return "outside of every __shared__ variable";
  const std::size_t end = variable->offset + variable->bytes;
  if (offset + bytes <= end) return {};
  return text(offset + bytes - end, " bytes past the end of `", local_name(variable->name),
              "`, a __shared__ variable of ", variable->bytes, " bytes");
}

}  // namespace slipway::simt
