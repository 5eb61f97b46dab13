#include "tools/train/observers/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ostream>

namespace slipway {
namespace {

constexpr auto kRedraw = std::chrono::milliseconds(100);
constexpr double kSmoothing = 0.95;  // of the loss that the bar shows
constexpr int kBarColumns = 24, kLeastBarColumns = 8;

/// Columns that UTF-8 text takes, a column a character.
int columns_of(const std::string& text) {
  return static_cast<int>(
      std::count_if(text.begin(), text.end(), [](char byte) { return (byte & 0xc0) != 0x80; }));
}

std::string bar_text(double fraction, int columns, bool unicode) {
  const int full = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * columns);
  std::string text;
  for (int i = 0; i < columns; ++i) text += unicode ? (i < full ? "━" : "╌") : (i < full ? "#" : ".");
  return text;
}

}  // namespace

std::string duration_text(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "?";
  const auto whole = static_cast<long long>(std::llround(seconds));
  char buffer[40];
  if (whole < 3600)
    std::snprintf(buffer, sizeof buffer, "%lld:%02lld", whole / 60, whole % 60);
  else
    std::snprintf(buffer, sizeof buffer, "%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60, whole % 60);
  return buffer;
}

std::string figure_text(double value) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, std::abs(value) >= 1e-3 && std::abs(value) < 10 ? "%.4f" : "%.4g",
                value);
  return buffer;
}

ConsoleObserver::Options ConsoleObserver::standard_output() {
  Options options;
  options.terminal = ::isatty(STDOUT_FILENO) == 1;
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string locale = value;
    options.unicode = locale.find("UTF-8") != std::string::npos || locale.find("utf8") != std::string::npos;
    break;
  }
  options.columns = [] {
    winsize size{};
    return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? int(size.ws_col) : 80;
  };
  return options;
}

void ConsoleObserver::on_run_start(const RunInfo& info) {
  info_ = info;
  out_ << info.name << ": " << with_commas(info.model.total.parameters) << " parameters, "
       << with_commas(info.training_samples) << " training and " << with_commas(info.validation_samples)
       << " validation samples, " << info.device << '\n';
  if (info.start_step > 0)
    out_ << "resumed after step " << with_commas(info.start_step) << " in epoch " << info.start_epoch + 1
         << " of " << info.epochs << '\n';
  out_.flush();
}

std::string ConsoleObserver::epoch_label(std::int64_t epoch) const {
  const std::string total = std::to_string(info_.epochs), number = std::to_string(epoch + 1);
  return "epoch " + std::string(total.size() - std::min(total.size(), number.size()), ' ') + number + "/" +
         total;
}

double ConsoleObserver::seconds_left(const StepRecord& record) const {
  const double samples =
      static_cast<double>((info_.epochs - record.epoch) * info_.training_samples - record.samples);
  return std::max(samples, 0.0) / record.samples_per_second;
}

bool ConsoleObserver::due() {
  if (!options_.terminal) return false;
  const auto now = options_.now();
  if (bar_on_screen_ && now - drawn_ < kRedraw) return false;
  drawn_ = now;
  return true;
}

void ConsoleObserver::draw(Bar bar) {
  const double fraction = bar.total > 0 ? static_cast<double>(bar.done) / static_cast<double>(bar.total) : 0;
  char percent[16];
  std::snprintf(percent, sizeof percent, " %3d%%", static_cast<int>(std::clamp(fraction, 0.0, 1.0) * 100));
  const std::string head = bar.label + "  ";
  std::string tail;
  int room = 0;
  const auto lay_out = [&] {
    tail = percent;
    for (const std::string& figure : bar.figures) tail += "  " + figure;
    room = options_.columns() - 1 - columns_of(head) - columns_of(tail);
    return room >= kLeastBarColumns;
  };
  // A line that wraps could not be erased.
  while (!lay_out() && !bar.figures.empty()) bar.figures.pop_back();
  if (room < 0) return;
  out_ << '\r' << head << bar_text(fraction, std::min(room, kBarColumns), options_.unicode) << tail
       << "\x1b[K" << std::flush;
  bar_on_screen_ = true;
}

void ConsoleObserver::erase() {
  if (bar_on_screen_) out_ << "\r\x1b[K";
  bar_on_screen_ = false;
}

void ConsoleObserver::on_step(const StepRecord& record) {
  smooth_loss_ =
      record.epoch == epoch_ ? kSmoothing * smooth_loss_ + (1 - kSmoothing) * record.loss : record.loss;
  epoch_ = record.epoch;
  if (!due()) return;
  Bar bar{.label = epoch_label(record.epoch), .done = record.samples, .total = info_.training_samples};
  const bool rate_known = record.samples_per_second > 0;
  if (rate_known) bar.figures.push_back(duration_text(seconds_left(record)) + " left");
  bar.figures.push_back("loss " + figure_text(smooth_loss_));
  if (rate_known) bar.figures.push_back(with_commas(std::llround(record.samples_per_second)) + " samples/s");
  bar.figures.push_back("learning rate " + figure_text(record.learning_rate));
  draw(std::move(bar));
}

void ConsoleObserver::on_skipped_step(const SkippedStep& skipped) {
  erase();
  out_ << "step " << with_commas(skipped.step) << " skipped, its gradient overflows; the loss scale is now "
       << figure_text(skipped.loss_scale) << std::endl;
}

void ConsoleObserver::on_validation_progress(std::int64_t done, std::int64_t total) {
  if (!due()) return;
  draw({.label = epoch_label(std::max<std::int64_t>(epoch_, 0)),
        .done = done,
        .total = total,
        .figures = {"validating"}});
}

void ConsoleObserver::on_epoch_end(const EpochRecord& record) {
  erase();
  out_ << epoch_label(record.epoch) << "  " << duration_text(record.seconds) << "  training loss "
       << figure_text(record.train_loss);
  if (record.validated) {
    if (const auto loss = record.metrics.find("loss"); loss != record.metrics.end())
      out_ << "  validation loss " << figure_text(loss->second);
    for (const auto& [name, value] : record.metrics) {
      if (name != "loss") out_ << "  " << name << ' ' << figure_text(value);
    }
  }
  out_ << "  " << with_commas(std::llround(record.samples_per_second)) << " samples/s";
  if (record.best) out_ << "  best so far";
  out_ << std::endl;
}

void ConsoleObserver::on_run_end(const RunEnd& end) {
  erase();
  if (end.reason == RunEnd::Reason::finished)
    out_ << "finished " << with_commas(end.step) << " steps in " << duration_text(end.seconds) << '\n';
  if (!end.message.empty()) out_ << end.message << '\n';
  if (end.reason == RunEnd::Reason::finished || end.reason == RunEnd::Reason::early_stopping)
    out_ << "see " << info_.directory << "/report.html\n";
  out_.flush();
}

}  // namespace slipway
