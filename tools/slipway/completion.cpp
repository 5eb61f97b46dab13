#include <iostream>

#include "core/base/error.h"
#include "tools/slipway/verb.h"

namespace slipway {
namespace {

std::string join(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + word;
  return line;
}

/// "--set --threads ..." of one command.
std::string options_of(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return join(names);
}

/// Text between single quotes of a shell script: an apostrophe would end them.
std::string quotable(std::string text) {
  for (std::size_t at = text.find('\''); at != std::string::npos; at = text.find('\'', at))
    text.replace(at, 1, "’");
  return text;
}

class CompletionVerb : public Verb {
 public:
  std::string name() const override { return "completion"; }
  std::string summary() const override { return "Print a shell completion script (bash, zsh or fish)"; }
  std::string details() const override {
    return "Once, for all shells to come:\n"
           "  echo 'source <(slipway completion bash)' >>~/.bashrc\n"
           "  echo 'source <(slipway completion zsh)' >>~/.zshrc\n"
           "  slipway completion fish >~/.config/fish/completions/slipway.fish";
  }
  void options(CLI::App& app) override {
    app.add_option("SHELL", shell_, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  }

  int run() override {
    const std::unique_ptr<CLI::App> app = make_command_line();
    const auto commands = app->get_subcommands([](const CLI::App*) { return true; });
    if (shell_ == "fish")
      print_fish(commands);
    else
      print_bash(commands);
    return 0;
  }

 private:
  static void print_fish(const std::vector<CLI::App*>& commands) {
    for (const CLI::App* command : commands) {
      std::cout << "complete -c slipway -n __fish_use_subcommand -f -a " << command->get_name() << " -d '"
                << quotable(command->get_description()) << "'\n";
      for (const CLI::Option* option : command->get_options()) {
        for (const std::string& name : option->get_lnames()) {
          std::cout << "complete -c slipway -n '__fish_seen_subcommand_from " << command->get_name()
                    << "' -l " << name << " -d '" << quotable(option->get_description()) << "'\n";
        }
      }
    }
  }

  /// zsh reads bash's completion through bashcompinit.
  void print_bash(const std::vector<CLI::App*>& commands) const {
    if (shell_ == "zsh") std::cout << "autoload -U +X bashcompinit && bashcompinit\n";
    std::vector<std::string> names;
    for (const CLI::App* command : commands) names.push_back(command->get_name());
    std::cout << "_slipway() {\n"
                 "  local word=${COMP_WORDS[COMP_CWORD]} words=\n"
                 "  if [ \"$COMP_CWORD\" -eq 1 ]; then words='"
              << join(names) << "'\n  elif [[ $word == -* ]]; then\n    case ${COMP_WORDS[1]} in\n";
    for (const CLI::App* command : commands) {
      std::cout << "      " << command->get_name() << ") words='" << options_of(*command) << "' ;;\n";
    }
    std::cout << "    esac\n  fi\n"
                 "  if [ -n \"$words\" ]; then COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
                 "  else COMPREPLY=($(compgen -f -- \"$word\")); fi\n"
                 "}\n"
                 "complete -o filenames -F _slipway slipway\n";
  }

  std::string shell_;
};

const RegisterVerb<CompletionVerb> registered;

}  // namespace
}  // namespace slipway
