#include "core/base/component.h"

#include <algorithm>

#include "core/base/nearest.h"

namespace slipway {
namespace {

struct Kinds {
  std::vector<std::unique_ptr<ComponentKind>> owned;
  std::vector<ComponentKind*> all;
};

Kinds& kinds() {
  static Kinds instance;
  return instance;
}

}  // namespace

void ComponentKind::add(ComponentEntry entry) {
  require(!entry.name.empty() && entry.make, name_, " registry: an entry without a name or a maker");
  const std::string name = entry.name;
  const bool is_new = entries_.emplace(name, std::move(entry)).second;
  require(is_new, name_, " registry: '", name, "' is registered twice");
}

const ComponentEntry* ComponentKind::find(std::string_view name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : &found->second;
}

const ComponentEntry& ComponentKind::get(std::string_view name) const {
  const ComponentEntry* entry = find(name);
  if (entry == nullptr) throw UserError(unknown_name(name_, name, names()));
  return *entry;
}

std::vector<std::string> ComponentKind::names() const {
  std::vector<std::string> all;
  for (const auto& [name, entry] : entries_) all.push_back(name);
  return all;
}

const std::vector<ComponentKind*>& component_kinds() { return kinds().all; }

ComponentKind& register_component_kind(std::string name) {
  Kinds& known = kinds();
  const auto found = std::ranges::find(known.all, name, &ComponentKind::name);
  if (found != known.all.end()) return **found;
  ComponentKind* added = known.owned.emplace_back(std::make_unique<ComponentKind>(std::move(name))).get();
  known.all.push_back(added);
  std::ranges::sort(known.all, {}, &ComponentKind::name);  // static initialisation has no order to show
  return *added;
}

}  // namespace slipway
