#pragma once

#include <functional>
#include <string>

#include "core/comm/communicator.h"
#include "tools/train/training_program.h"
#include "tools/train/training_progress.h"

namespace slipway {

/// What went wrong on one rank or on all of them, and all know: each ends by itself, and one tells of it.
class SharedFailure : public Error {
 public:
  enum class Kind { mistake, error };  // the user's, or any other
  SharedFailure(const std::string& message, Kind kind) : Error(message), kind_(kind) {}

  /// As of a UserError or of any other Error.
  int exit_code() const { return kind_ == Kind::mistake ? 2 : 1; }

 private:
  Kind kind_;
};

/// Runs on each rank what needs no other. If it fails anywhere, all throw a SharedFailure: with its message
/// if it failed alike on all, else with that of the first rank on which it did. Without ranks it only runs.
void together(Communicator* ranks, const std::function<void()>& body);

/// The first signal in the order of StopSignals that any rank has received, or 0. `own` is this rank's, or 0.
int agree_on_signal(Communicator& ranks, int own);
/// Whether it is so on any rank.
bool any_of_all(Communicator& ranks, bool own, std::string_view phase);
/// The text of the rank whose `order` is the lowest, on every rank.
std::string first_of_all(Communicator& ranks, std::int64_t order, const std::string& text);
/// Variables, but for states that ranks divide, and progress become those of rank 0. Error if ranks lay them
/// out differently.
void broadcast_state(Communicator& ranks, TrainingProgram& program, TrainingProgress& progress);

}  // namespace slipway
