#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/config_node.h"
#include "core/base/error.h"

namespace slipway {

class FieldVisitor;

/// Something a user configures: a struct whose members are its settings and whose fields() lists each once.
/// Parsing, defaults, range checks, the resolved-config echo, the JSON Schema and the reference documentation
/// all come from that list.
class Component {
 public:
  virtual ~Component() = default;
  virtual void fields(FieldVisitor& visit) = 0;
  /// Checks that span several fields; each mistake goes to `errors` with this component's position.
  virtual void check(ConfigErrors& errors) const { static_cast<void>(errors); }

  SourcePosition where;  // of the component in the configuration
  bool flawed = false;   // the configuration has a mistake in its settings, those of components in it apart
};

/// What a field accepts and what its documentation says. Bounds are inclusive unless `above` is set.
struct FieldInfo {
  const char* help = "";
  bool required = false;
  bool positional = false;  // `linear: 10` sets this field of linear
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  double above = -std::numeric_limits<double>::infinity();  // exclusive lower bound
  double below = std::numeric_limits<double>::infinity();   // exclusive upper bound
  std::vector<std::string> choices = {};                    // of a string field
  const char* list_of =
      "";  // of a ConfigNode field that holds a list of components: their kind, for the schema
  const char* blocks_of =
      "";  // of a ConfigNode field that holds blocks (config_blocks.h): the kind they consist of
};

/// What is known of one registered component: its name, one line about it, and how to make it.
struct ComponentEntry {
  std::string name;
  std::string summary;
  std::function<std::shared_ptr<Component>()> make;
};

/// A kind of component ("layer", "optimizer") and everything registered for it, by name.
class ComponentKind {
 public:
  explicit ComponentKind(std::string name) : name_(std::move(name)) {}
  const std::string& name() const { return name_; }
  void add(ComponentEntry entry);
  const ComponentEntry* find(std::string_view name) const;
  /// Like find, but an unknown name is a UserError that lists the known ones and the nearest.
  const ComponentEntry& get(std::string_view name) const;
  std::vector<std::string> names() const;
  const std::map<std::string, ComponentEntry, std::less<>>& entries() const { return entries_; }

 private:
  std::string name_;
  std::map<std::string, ComponentEntry, std::less<>> entries_;
};

/// Every component kind of the program, for `slipway docs` and `slipway schema`.
const std::vector<ComponentKind*>& component_kinds();
/// Called by Registry; the same name gives the same kind.
ComponentKind& register_component_kind(std::string name);

/// The registry of one kind: Base has `static constexpr const char* kKind` ("layer").
template <class Base>
class Registry {
 public:
  static ComponentKind& kind() {
    static ComponentKind& instance = register_component_kind(Base::kKind);
    return instance;
  }
  static std::shared_ptr<Base> make(std::string_view name) {
    return std::static_pointer_cast<Base>(kind().get(name).make());
  }
};

/// A static registrar: `static const Register<Layer, Linear> registered("linear", "y = x Wᵀ + b");`
template <class Base, std::derived_from<Base> Type>
class Register {
 public:
  Register(std::string name, std::string summary) {
    Registry<Base>::kind().add(
        {std::move(name), std::move(summary), [] { return std::make_shared<Type>(); }});
  }
};

/// A component chosen by name in the configuration: `relu`, `linear: 10` or `linear: {features: 10}`.
struct ComponentSlot {
  const ComponentKind* kind = nullptr;
  std::string name;                      // "" while nothing is chosen
  std::shared_ptr<Component> component;  // null while nothing is chosen
  SourcePosition where;

  explicit operator bool() const { return component != nullptr; }
};

/// A ComponentSlot that knows its base: Slot<Layer> layer; layer->build(...).
template <class Base>
struct Slot : ComponentSlot {
  Slot() { kind = &Registry<Base>::kind(); }
  /// Chosen by the program, with the component's own defaults.
  explicit Slot(std::string_view chosen) : Slot() {
    name = chosen;
    component = Registry<Base>::make(chosen);
  }
  Base* operator->() const { return static_cast<Base*>(component.get()); }
  Base& operator*() const { return static_cast<Base&>(*component); }
};

/// Visits the fields of a component, in the order in which documentation shows them.
class FieldVisitor {
 public:
  virtual ~FieldVisitor() = default;
  virtual void field(const char* name, bool& value, const FieldInfo& info) = 0;
  virtual void field(const char* name, std::int64_t& value, const FieldInfo& info) = 0;
  virtual void field(const char* name, double& value, const FieldInfo& info) = 0;
  virtual void field(const char* name, std::string& value, const FieldInfo& info) = 0;
  /// Lists; a scalar in the file is a list of one.
  virtual void field(const char* name, std::vector<std::int64_t>& value, const FieldInfo& info) = 0;
  virtual void field(const char* name, std::vector<double>& value, const FieldInfo& info) = 0;
  virtual void field(const char* name, std::vector<std::string>& value, const FieldInfo& info) = 0;
  /// May be absent or `null`.
  virtual void field(const char* name, std::optional<std::int64_t>& value, const FieldInfo& info) = 0;
  virtual void field(const char* name, std::optional<double>& value, const FieldInfo& info) = 0;
  virtual void field(const char* name, std::optional<std::string>& value, const FieldInfo& info) = 0;
  /// A fixed sub-structure: `checkpoint: {every_epochs: 1}`.
  virtual void field(const char* name, Component& value, const FieldInfo& info) = 0;
  /// A component chosen by name.
  virtual void field(const char* name, ComponentSlot& value, const FieldInfo& info) = 0;
  /// Uninterpreted YAML, for a component that reads it itself.
  virtual void field(const char* name, ConfigNode& value, const FieldInfo& info) = 0;

  /// A list of components chosen by name: `layers: [relu, linear: 10]`.
  template <class Base>
  void field(const char* name, std::vector<Slot<Base>>& value, const FieldInfo& info) {
    std::vector<ComponentSlot> slots(value.begin(), value.end());
    slot_list(name, Registry<Base>::kind(), slots, info);
    value.resize(slots.size());
    for (std::size_t i = 0; i < slots.size(); ++i) static_cast<ComponentSlot&>(value[i]) = slots[i];
  }

 protected:
  virtual void slot_list(const char* name, const ComponentKind& kind, std::vector<ComponentSlot>& value,
                         const FieldInfo& info) = 0;
};

/// Fills a component from its YAML: a mapping of its fields, a scalar or list for its positional field, or
/// null for defaults. Mistakes (unknown key with the nearest one, wrong type, out of range, missing) go to
/// `errors`.
void read_component(const ConfigNode& node, Component& component, ConfigErrors& errors);
/// Fills a slot from `name`, `name: value` or `{name: {...}}`; null leaves nothing chosen. After a mistake
/// the slot is empty or incomplete.
void read_slot(const ConfigNode& node, ComponentSlot& slot, ConfigErrors& errors);
/// The component with every field's present value written out, defaults included.
ConfigNode write_component(const Component& component);
ConfigNode write_slot(const ComponentSlot& slot);

}  // namespace slipway
