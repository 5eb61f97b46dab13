#include <algorithm>
#include <iostream>

#include "core/base/error.h"
#include "core/base/nearest.h"
#include "core/base/version.h"
#include "tools/slipway/run.h"
#include "tools/slipway/verb.h"

namespace slipway {

std::vector<std::shared_ptr<Verb>>& verbs() {
  static std::vector<std::shared_ptr<Verb>> all;
  return all;
}

std::unique_ptr<CLI::App> make_command_line() {
  auto app =
      std::make_unique<CLI::App>("Slipway trains models from YAML and delivers them as ONNX.", "slipway");
  app->set_version_flag("--version", text("slipway ", version()));
  app->require_subcommand(1);
  app->get_formatter()->column_width(34);
  app->get_formatter()->label("SUBCOMMAND", "COMMAND");
  app->footer("`slipway COMMAND --help` explains a command, `slipway docs NAME` a part of a configuration.");
  std::sort(verbs().begin(), verbs().end(),
            [](const auto& a, const auto& b) { return a->name() < b->name(); });
  for (const std::shared_ptr<Verb>& verb : verbs()) {
    CLI::App* command = app->add_subcommand(verb->name(), verb->summary());
    command->group("Commands");
    command->footer(verb->details());
    verb->options(*command);
  }
  return app;
}

namespace {

int run(int argc, char** argv) {
  const std::unique_ptr<CLI::App> app = make_command_line();
  const std::string command = argc > 1 ? argv[1] : "";
  std::vector<std::string> names;
  for (const std::shared_ptr<Verb>& verb : verbs()) names.push_back(verb->name());
  if (!command.starts_with("-") && !command.empty() &&
      std::find(names.begin(), names.end(), command) == names.end()) {
    std::cerr << "slipway: " << unknown_name("command", command, names) << '\n';
    return 2;
  }
  if (command.empty()) {
    std::cout << app->help();
    return 2;
  }
  try {
    app->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app->exit(error);  // help or version
    const std::string program = command.starts_with("-") ? "slipway" : "slipway " + command;
    std::cerr << program << ": " << error.what() << "; see `" << program << " --help`\n";
    return 2;
  }
  const auto chosen = std::find_if(verbs().begin(), verbs().end(),
                                   [&](const auto& verb) { return app->got_subcommand(verb->name()); });
  try {
    return (*chosen)->run();
  } catch (const UserError& error) {
    std::cerr << "slipway " << (*chosen)->name() << ": " << error.what() << '\n';
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "slipway " << (*chosen)->name() << ": " << error.what() << '\n';
    return 1;
  }
}

}  // namespace
}  // namespace slipway

int slipway_run(int argc, char** argv) { return slipway::run(argc, argv); }
