#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/train/observer.h"

namespace slipway {

/// What metrics.jsonl tells of a run. A line is an object of one of two kinds; epochs are counted from 1:
///
///     {"kind":"step","step":10,"epoch":1,"samples":640,"loss":2.1,"learning_rate":0.001,...}
///     {"kind":"epoch","epoch":1,"step":938,"train_loss":0.2,...,"validation":{"accuracy":0.98,"loss":0.06}}
///
/// A value that is not finite is null.
struct RunHistory {
  std::vector<StepRecord> steps;
  std::vector<EpochRecord> epochs;  // without confusion and mistakes
};

std::string to_json(const StepRecord& record);
std::string to_json(const EpochRecord& record);

/// Reads what was recorded up to the point that `info` resumes at; what came after, and the half line that a
/// killed process leaves, is not part of the run any more. A missing file is an empty history.
RunHistory read_history(const std::string& path, const RunInfo& info);

/// Which steps are recorded: all of a short run, of a long one every n-th, ten thousand in all or a few more.
std::int64_t steps_between_records(const RunInfo& info);

}  // namespace slipway
