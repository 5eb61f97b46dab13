#include "tools/train/observers/report_page.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "core/base/error.h"
#include "tools/train/observers/console.h"
#include "tools/train/observers/html.h"
#include "tools/train/observers/line_chart.h"

namespace slipway {
namespace {

using Series = LineChart::Series;

constexpr std::size_t kChartPoints = 300;
constexpr std::size_t kDottedPoints = 40;  // more dots would hide their line

std::string status_html(const ReportData& data) {
  if (!data.end) return "<span class=\"status running\">running</span>";
  switch (data.end->reason) {
    case RunEnd::Reason::finished:
      return "<span class=\"status good\">finished</span>";
    case RunEnd::Reason::early_stopping:
      return "<span class=\"status good\">stopped early</span>";
    case RunEnd::Reason::interrupted:
      return "<span class=\"status warn\">interrupted</span>";
    case RunEnd::Reason::failed:
      return "<span class=\"status bad\">failed</span>";
  }
  __builtin_unreachable();
}

std::string tile(const std::string& label, const std::string& value, const std::string& note) {
  return text("<div class=\"tile card\"><span>", html_text(label), "</span><b>", html_text(value),
              "</b><small>", html_text(note), "</small></div>\n");
}

std::string tiles_html(const ReportData& data) {
  const RunInfo& run = data.run;
  const std::vector<EpochRecord>& epochs = data.history.epochs;
  std::string html = "<div class=\"tiles\">\n";
  const auto best =
      std::find_if(epochs.rbegin(), epochs.rend(), [](const EpochRecord& record) { return record.best; });
  if (best != epochs.rend() && best->metrics.contains(run.monitor))
    html += tile("best " + run.monitor, figure_text(best->metrics.at(run.monitor)),
                 text("validation, epoch ", best->epoch + 1));
  if (!epochs.empty()) {
    const EpochRecord& last = epochs.back();
    html += tile("training loss", figure_text(last.train_loss), text("mean of epoch ", last.epoch + 1));
    html += tile("epochs", text(last.epoch + 1, " / ", run.epochs), with_commas(last.step) + " steps");
    double seconds = 0, rate = 0;
    for (const EpochRecord& record : epochs) {
      seconds += record.seconds;
      rate = std::max(rate, record.samples_per_second);
    }
    html += tile("samples per second", with_commas(std::llround(last.samples_per_second)),
                 "at best " + with_commas(std::llround(rate)));
    html += tile("time", duration_text(seconds),
                 duration_text(seconds / static_cast<double>(epochs.size())) + " an epoch");
  }
  html += tile("parameters", with_unit(static_cast<double>(run.model.total.parameters)),
               with_commas(run.model.total.parameters) + " trained");
  return html + "</div>\n";
}

/// How many epochs have passed after a step; the last one of a run may not have come to its end.
double epochs_at(const ReportData& data, std::int64_t step) {
  return static_cast<double>(step) / static_cast<double>(std::max<std::int64_t>(data.run.steps_per_epoch, 1));
}

/// A figure of each recorded step over epochs.
Series step_series(const ReportData& data, const std::string& name, int color, double StepRecord::*figure) {
  Series series{.name = name, .color = color};
  for (const StepRecord& record : data.history.steps)
    series.points.push_back({epochs_at(data, record.step), record.*figure});
  series.points = thinned(series.points, kChartPoints);
  return series;
}

Series epoch_series(const ReportData& data, const std::string& name, int color,
                    const std::function<double(const EpochRecord&)>& figure) {
  Series series{.name = name, .color = color};
  for (const EpochRecord& record : data.history.epochs)
    series.points.push_back({epochs_at(data, record.step), figure(record)});
  if (series.points.size() <= kDottedPoints) series.style = Series::Style::dotted_line;
  series.points = thinned(series.points, kChartPoints);
  return series;
}

double metric_of(const EpochRecord& record, const std::string& name) {
  const auto found = record.metrics.find(name);
  return found == record.metrics.end() ? NAN : found->second;
}

std::string charts_html(const ReportData& data) {
  std::vector<LineChart> charts;
  Series steps = step_series(data, "training, step", 1, &StepRecord::loss);
  steps.style = Series::Style::faint_line;
  charts.push_back({.title = "Loss",
                    .scale = LineChart::Scale::logarithmic_if_wide,
                    .series = {std::move(steps),
                               epoch_series(data, "training, epoch", 1,
                                            [](const auto& record) { return record.train_loss; }),
                               epoch_series(data, "validation", 2,
                                            [](const auto& record) { return metric_of(record, "loss"); })}});
  std::map<std::string, bool> metrics;
  for (const EpochRecord& record : data.history.epochs) {
    for (const auto& metric : record.metrics) metrics[metric.first] = true;
  }
  metrics.erase("loss");
  for (const auto& metric : metrics) {
    const std::string& name = metric.first;
    charts.push_back({.title = "Validation: " + name,
                      .series = {epoch_series(data, name, 2,
                                              [&](const auto& record) { return metric_of(record, name); })}});
  }
  charts.push_back({.title = "Learning rate",
                    .series = {step_series(data, "learning rate", 3, &StepRecord::learning_rate)}});
  charts.push_back({.title = "Gradient norm",
                    .series = {step_series(data, "gradient norm", 4, &StepRecord::gradient_norm)}});
  Series rates = step_series(data, "step", 3, &StepRecord::samples_per_second);
  rates.style = Series::Style::faint_line;
  std::erase_if(rates.points, [](const auto& point) { return point.y <= 0; });  // not known yet
  charts.push_back({.title = "Samples per second",
                    .series = {std::move(rates), epoch_series(data, "epoch", 3, [](const auto& record) {
                                 return record.samples_per_second;
                               })}});
  std::string html;
  for (LineChart& chart : charts) {
    if (!data.history.epochs.empty()) chart.last_x = epochs_at(data, data.history.epochs.back().step);
    if (chart.has_points()) html += chart.html();
  }
  return html.empty()
             ? ""
             : "<h2>Curves <small>over epochs</small></h2>\n<div class=\"charts\">\n" + html + "</div>\n";
}

std::string layer_row(const LayerSummary& layer, const char* tag) {
  const auto cell = [&](const std::string& value, const char* kind = " class=\"number\"") {
    return text("<", tag, kind, ">", html_text(value), "</", tag, ">");
  };
  return "<tr>" + cell(layer.name, "") + cell(layer.operations, "") + cell(text(layer.output), "") +
         cell(with_commas(layer.parameters)) + cell(with_unit(layer.flops)) +
         cell(bytes_text(layer.activation_bytes)) + "</tr>\n";
}

std::string layers_html(const ModelSummary& model) {
  std::string html =
      text("<h2>Model <small>input ", html_text(text(model.input)), ", precision ", model.precision,
           "</small></h2>\n<div class=\"card scroll\"><table class=\"wide\"><thead><tr><th>layer</th>"
           "<th>operations</th><th>output</th><th class=\"number\">parameters</th>"
           "<th class=\"number\">FLOPs</th><th class=\"number\">activations</th></tr></thead><tbody>\n");
  for (const LayerSummary& layer : model.layers) html += layer_row(layer, "td");
  html += "</tbody><tfoot>" + layer_row(model.total, "th") + "</tfoot></table></div>\n";
  if (model.total.frozen > 0)
    html += text("<p class=\"note\">", with_commas(model.total.frozen),
                 " more values are not trained (running statistics, frozen parameters).</p>\n");
  return html;
}

std::string environment_html(const ReportData& data) {
  std::string html = "<h2>Environment</h2>\n<div class=\"card scroll\"><table>\n";
  const auto row = [&](const std::string& label, const std::string& value) {
    html += text("<tr><td>", html_text(label), "</td><td>", html_text(value), "</td></tr>\n");
  };
  row("directory", data.run.directory);
  row("device", data.run.device);
  for (const auto& [label, value] : data.environment) row(label, value);
  return html + "</table></div>\n";
}

}  // namespace

std::string report_page(const ReportData& data) {
  const RunInfo& run = data.run;
  std::string html = text("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n",
                          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
                          html_text(run.name), " - Slipway</title>\n<style>\n", kReportStyle,
                          "</style></head><body><main>\n");
  html += text("<header><h1>", html_text(run.name), "</h1>", status_html(data), "<p>",
               with_commas(run.training_samples), " training and ", with_commas(run.validation_samples),
               " validation samples, ", html_text(run.device), "; written ", html_text(data.written),
               "</p></header>\n");
  if (data.end && !data.end->message.empty())
    html += text("<p class=\"message card\">", html_text(data.end->message), "</p>\n");
  html += tiles_html(data) + charts_html(data);
  if (!data.validation.confusion.empty()) html += confusion_html(data.validation, run);
  if (!data.validation.mistakes.empty()) html += mistakes_html(data.validation, run);
  html += layers_html(run.model);
  html += text("<h2>Configuration</h2>\n<pre class=\"card\">", html_text(run.config_yaml), "</pre>\n");
  html += environment_html(data);
  return html + text("</main><script>\n", kReportScript, "</script></body></html>\n");
}

}  // namespace slipway
