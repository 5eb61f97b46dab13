#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

namespace slipway {

/// One command of the program: `slipway train`, `slipway export`.
class Verb {
 public:
  virtual ~Verb() = default;
  virtual std::string name() const = 0;
  /// One line for the list of commands.
  virtual std::string summary() const = 0;
  /// A paragraph and examples, below the options in the verb's own help.
  virtual std::string details() const { return {}; }
  virtual void options(CLI::App& app) = 0;
  /// Returns the exit code. A UserError becomes exit code 2, any other exception 1.
  virtual int run() = 0;
};

/// Every registered verb, by name.
std::vector<std::shared_ptr<Verb>>& verbs();

/// `static const RegisterVerb<TrainVerb> registered;`
template <class Type>
struct RegisterVerb {
  RegisterVerb() { verbs().push_back(std::make_shared<Type>()); }
};

/// The whole command line, for main and for shell completion.
std::unique_ptr<CLI::App> make_command_line();

}  // namespace slipway
