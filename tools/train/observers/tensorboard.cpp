#include "tools/train/observers/tensorboard.h"

#include <algorithm>

#include "tools/train/observers/history.h"

namespace slipway {
namespace {

constexpr std::size_t kPictures = 12;

/// A Markdown code block: indented by four, as the text may hold any fence.
std::string code_block(const std::string& text) {
  std::string block = "    ";
  for (const char character : text) block += character == '\n' ? "\n    " : std::string(1, character);
  return block;
}

}  // namespace

void TensorBoardObserver::on_run_start(const RunInfo& info) {
  info_ = info;
  steps_between_records_ = steps_between_records(info);
  file_.emplace(directory_, info.start_step + 1);
  file_->text(info.start_step, "config", code_block(info.config_yaml));
  file_->flush();
}

void TensorBoardObserver::on_step(const StepRecord& record) {
  if (!file_ || record.step % steps_between_records_ != 0) return;
  file_->scalar(record.step, "step/loss", record.loss);
  file_->scalar(record.step, "step/learning_rate", record.learning_rate);
  file_->scalar(record.step, "step/gradient_norm", record.gradient_norm);
  file_->scalar(record.step, "step/samples_per_second", record.samples_per_second);
  file_->flush();
}

void TensorBoardObserver::write_mistakes(const EpochRecord& record) {
  if (record.mistakes.empty()) return;
  std::string list;
  for (std::size_t i = 0; i < std::min(record.mistakes.size(), kPictures); ++i) {
    const Mistake& mistake = record.mistakes[i];
    list += text(i + 1, ". ", mistake.sample, ": ", info_.class_name(mistake.target), " taken for ",
                 info_.class_name(mistake.predicted), " with probability ", mistake.probability, "\n");
    // The tag is the same for each epoch, so that a slider shows them one after another.
    if (const auto picture = draw_picture(mistake.input))
      file_->image(record.step, text("mistakes/", i + 1), *picture);
  }
  file_->text(record.step, "mistakes", list);
}

void TensorBoardObserver::on_epoch_end(const EpochRecord& record) {
  if (!file_) return;
  file_->scalar(record.step, "epoch/training_loss", record.train_loss);
  file_->scalar(record.step, "epoch/samples_per_second", record.samples_per_second);
  for (const auto& [name, value] : record.metrics) file_->scalar(record.step, "validation/" + name, value);
  write_mistakes(record);
  file_->flush();
}

void TensorBoardObserver::on_run_end(const RunEnd&) { file_.reset(); }

}  // namespace slipway
