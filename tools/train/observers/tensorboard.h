#pragma once

#include <optional>
#include <string>

#include "tools/train/observer.h"
#include "tools/train/observers/event_file.h"

namespace slipway {

/// Event files for `tensorboard --logdir runs`: figures a step and an epoch, the worst mistakes as pictures,
/// the configuration. A resumed run starts another file, which voids what the earlier ones recorded since.
class TensorBoardObserver : public Observer {
 public:
  explicit TensorBoardObserver(std::string directory) : directory_(std::move(directory)) {}

  void on_run_start(const RunInfo& info) override;
  void on_step(const StepRecord& record) override;
  void on_epoch_end(const EpochRecord& record) override;
  void on_run_end(const RunEnd& end) override;

 private:
  void write_mistakes(const EpochRecord& record);

  std::string directory_;
  RunInfo info_;
  std::int64_t steps_between_records_ = 1;
  std::optional<EventFile> file_;
};

}  // namespace slipway
