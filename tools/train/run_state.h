#pragma once

#include <string>

#include "core/io/checkpoint.h"
#include "tools/train/training_program.h"

namespace slipway {

/// What a checkpoint says besides numbers, in Checkpoint::texts.
inline constexpr const char* kSchemaText = "schema";  // of the dataset, as JSON
inline constexpr const char* kBaseDirectoryText =
    "base_directory";  // where relative paths of the config start

/// The optimizer's state that ranks have divided among themselves (TrainingProgram::state_shards), whole on
/// rank 0, by variable; empty if none is divided. All ranks call it.
WholeStates collect_states(const TrainingProgram& program);
/// The inverse: each rank takes its part of what rank 0 has.
void divide_states(TrainingProgram& program, const WholeStates& states);

/// Copies every variable of a training program into a checkpoint, row-major and under its own name, those
/// that are divided from `states`; flat optimizer state is split by parameter:
/// "optimizer.first_moment.conv2d_1.weight".
void capture_variables(const TrainingProgram& program, const WholeStates& states, Checkpoint& checkpoint);
/// The inverse; returns states for divide_states(). A variable that the checkpoint lacks or holds in another
/// shape is a UserError that names `origin`.
WholeStates restore_variables(TrainingProgram& program, const Checkpoint& checkpoint,
                              const std::string& origin);

/// What became of each parameter when a model was initialised from a checkpoint.
struct TakeOver {
  std::vector<std::string> taken;
  std::vector<std::string> missing;    // in the model, not in the checkpoint
  std::vector<std::string> unused;     // in the checkpoint, not in the model
  std::vector<std::string> differing;  // of another shape, with both shapes
};
/// Takes over what fits by name and shape: parameters and running statistics, the moving average if there is
/// one.
TakeOver initialize_from(TrainingProgram& program, const Checkpoint& checkpoint);
std::ostream& operator<<(std::ostream& out, const TakeOver& result);

/// The values of parameters and state with which a checkpoint's model is evaluated: the moving average if it
/// has one.
Checkpoint::Tensors evaluated_tensors(const Checkpoint& checkpoint);

}  // namespace slipway
