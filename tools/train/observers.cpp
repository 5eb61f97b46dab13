#include "tools/train/observers.h"

#include <iostream>

#include "tools/train/observers/console.h"
#include "tools/train/observers/metrics_files.h"
#include "tools/train/observers/report.h"
#include "tools/train/observers/tensorboard.h"

namespace slipway {

Observers make_observers(const RunDirectory& directory, ConsoleOutput console) {
  Observers observers;
  if (console != ConsoleOutput::quiet) {
    ConsoleObserver::Options options = ConsoleObserver::standard_output();
    if (console == ConsoleOutput::plain) options.terminal = false;
    observers.push_back(std::make_unique<ConsoleObserver>(std::cout, std::move(options)));
  }
  observers.push_back(
      std::make_unique<MetricsFilesObserver>(directory.metrics_csv(), directory.metrics_jsonl()));
  observers.push_back(std::make_unique<TensorBoardObserver>(directory.tensorboard()));
  observers.push_back(std::make_unique<ReportObserver>(directory.report(), directory.metrics_jsonl()));
  return observers;
}

}  // namespace slipway
