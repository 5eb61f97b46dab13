#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/train/observer.h"
#include "tools/train/observers/history.h"

namespace slipway {

/// All that a report shows.
struct ReportData {
  RunInfo run;
  RunHistory history;
  EpochRecord validation;     // the last one: confusion and mistakes
  std::optional<RunEnd> end;  // none while the run goes on
  std::string written;        // "2024-05-01 12:30"
  std::vector<std::pair<std::string, std::string>> environment;
};

/// An HTML page that needs no other file: curves, confusion matrix, worst mistakes, layers, configuration.
std::string report_page(const ReportData& data);

/// The parts that a trained model's answers fill, here so that each file keeps to one concern.
std::string confusion_html(const EpochRecord& validation, const RunInfo& run);
std::string mistakes_html(const EpochRecord& validation, const RunInfo& run);

extern const char* const kReportStyle;
extern const char* const kReportScript;

}  // namespace slipway
