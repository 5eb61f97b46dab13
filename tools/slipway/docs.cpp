#include <iostream>
#include <nlohmann/json.hpp>

#include "core/base/config_schema.h"
#include "core/base/nearest.h"
#include "tools/slipway/verb.h"
#include "tools/train/run_config.h"

namespace slipway {
namespace {

class DocsVerb : public Verb {
 public:
  std::string name() const override { return "docs"; }
  std::string summary() const override { return "Explain a layer, optimizer, dataset, ... and its settings"; }
  std::string details() const override {
    return "Without a name, lists every component by kind.\n\n"
           "Examples:\n  slipway docs conv2d\n  slipway docs optimizer";
  }
  void options(CLI::App& app) override {
    app.add_option("NAME", name_, "component (conv2d) or kind (layer)");
  }

  int run() override {
    if (name_.empty()) {
      for (const ComponentKind* kind : component_kinds()) std::cout << kind_docs(*kind) << '\n';
      return 0;
    }
    std::vector<std::string> known;
    bool found = false;
    for (const ComponentKind* kind : component_kinds()) {
      known.push_back(kind->name());
      if (kind->name() == name_) {
        std::cout << kind_docs(*kind);
        found = true;
      }
      for (const std::string& name : kind->names()) known.push_back(name);
      if (const ComponentEntry* entry = kind->find(name_)) {
        std::cout << (found ? "\n" : "") << component_docs(*kind, *entry);
        found = true;
      }
    }
    if (!found) throw UserError(unknown_name("component", name_, known));
    return 0;
  }

 private:
  std::string name_;
};

class SchemaVerb : public Verb {
 public:
  std::string name() const override { return "schema"; }
  std::string summary() const override { return "Print the JSON Schema of configurations, for editors"; }
  std::string details() const override {
    return "Save it and point your editor's YAML support at it:\n  slipway schema >slipway.schema.json\n"
           "  # yaml-language-server: $schema=slipway.schema.json   (first line of a configuration)";
  }
  void options(CLI::App&) override {}

  int run() override {
    RunConfig config;
    std::cout << json_schema(config).dump(2) << '\n';
    return 0;
  }
};

const RegisterVerb<DocsVerb> registered_docs;
const RegisterVerb<SchemaVerb> registered_schema;

}  // namespace
}  // namespace slipway
