#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/base/error.h"
#include "tools/train/observers/html.h"
#include "tools/train/observers/picture.h"
#include "tools/train/observers/report_page.h"

namespace slipway {
namespace {

constexpr std::size_t kMatrixClasses = 40;    // with more the matrix cannot be read
constexpr std::size_t kNumberedClasses = 20;  // with more its cells hold no numbers
constexpr std::size_t kListed = 10;           // of the most frequent confusions
constexpr std::size_t kMistakes = 48;

std::string percent(double share) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.1f %%", 100 * share);
  return buffer;
}

struct Totals {
  std::vector<std::int64_t> targets, predictions;
};

std::string class_name(const RunInfo& run, std::size_t index) {
  return run.class_name(static_cast<std::int64_t>(index));
}

double share_of(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

std::string cell_html(std::int64_t count, double share, const std::string& title, const char* kind,
                      bool numbered) {
  // Mistakes are few: the root makes one in a hundred visible.
  const double strength = kind[0] == 'h' ? share : std::sqrt(share);
  char alpha[16];
  std::snprintf(alpha, sizeof alpha, "%.3f", count > 0 ? std::max(strength, 0.08) : 0.0);
  return text("<td class=\"", kind, strength > 0.55 ? " strong" : "", "\" style=\"--a:", alpha, "\" title=\"",
              html_text(title), "\">", numbered && count > 0 ? std::to_string(count) : "", "</td>");
}

std::string matrix_html(const std::vector<std::vector<std::int64_t>>& confusion, const Totals& totals,
                        const RunInfo& run) {
  const std::size_t classes = confusion.size();
  const bool numbered = classes <= kNumberedClasses;
  std::string html = text("<div class=\"card scroll\"><table class=\"matrix", numbered ? "" : " small",
                          "\"><thead><tr><th><small>is ↓ &nbsp; taken for →</small></th>");
  for (std::size_t j = 0; j < classes; ++j)
    html += text("<th class=\"column\"><span>", html_text(class_name(run, j)), "</span></th>");
  html += "<th class=\"number\">found</th><th class=\"number\">right when named</th></tr></thead><tbody>\n";
  for (std::size_t i = 0; i < classes; ++i) {
    const std::string target = class_name(run, i);
    html += text("<tr><th class=\"row\">", html_text(target), "</th>");
    for (std::size_t j = 0; j < classes; ++j) {
      const double share = share_of(confusion[i][j], totals.targets[i]);
      const std::string predicted = class_name(run, j);
      html += cell_html(confusion[i][j], share,
                        text(target, " taken for ", predicted, ": ", confusion[i][j], " of ",
                             totals.targets[i], ", ", percent(share)),
                        i == j ? "hit" : "miss", numbered);
    }
    html += text("<td class=\"number\">", percent(share_of(confusion[i][i], totals.targets[i])),
                 "</td><td class=\"number\">", percent(share_of(confusion[i][i], totals.predictions[i])),
                 "</td></tr>\n");
  }
  return html + "</tbody></table></div>\n";
}

std::string most_confused_html(const std::vector<std::vector<std::int64_t>>& confusion, const Totals& totals,
                               const RunInfo& run) {
  struct Pair {
    std::int64_t count;
    std::size_t target, predicted;
  };
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < confusion.size(); ++i) {
    for (std::size_t j = 0; j < confusion.size(); ++j) {
      if (i != j && confusion[i][j] > 0) pairs.push_back({confusion[i][j], i, j});
    }
  }
  if (pairs.empty()) return "<p class=\"note\">No class was taken for another.</p>\n";
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const Pair& a, const Pair& b) { return a.count > b.count; });
  pairs.resize(std::min(pairs.size(), kListed));
  std::string html = "<p class=\"note\">Most frequent: ";
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const Pair& pair = pairs[i];
    html += text(i > 0 ? ", " : "", "<b>", html_text(class_name(run, pair.target)), "</b> taken for <b>",
                 html_text(class_name(run, pair.predicted)), "</b> ", pair.count, "&times; (",
                 percent(share_of(pair.count, totals.targets[pair.target])), ")");
  }
  return html + ".</p>\n";
}

}  // namespace

std::string confusion_html(const EpochRecord& validation, const RunInfo& run) {
  const auto& confusion = validation.confusion;
  const std::size_t classes = confusion.size();
  Totals totals{.targets = std::vector<std::int64_t>(classes),
                .predictions = std::vector<std::int64_t>(classes)};
  for (std::size_t i = 0; i < classes; ++i) {
    require(confusion[i].size() == classes, "report: row ", i, " of the confusion matrix has ",
            confusion[i].size(), " entries, expected ", classes);
    for (std::size_t j = 0; j < classes; ++j) {
      totals.targets[i] += confusion[i][j];
      totals.predictions[j] += confusion[i][j];
    }
  }
  return "<h2>Confusion <small>of the last validation</small></h2>\n" +
         (classes <= kMatrixClasses ? matrix_html(confusion, totals, run) : "") +
         most_confused_html(confusion, totals, run);
}

std::string mistakes_html(const EpochRecord& validation, const RunInfo& run) {
  std::string html =
      "<h2>Worst mistakes <small>of the last validation, most confident first</small></h2>\n<div "
      "class=\"mistakes\">\n";
  for (std::size_t i = 0; i < std::min(validation.mistakes.size(), kMistakes); ++i) {
    const Mistake& mistake = validation.mistakes[i];
    html += "<figure class=\"card\">";
    if (const auto picture = draw_picture(mistake.input))
      html += text("<img alt=\"\" width=\"", picture->width, "\" height=\"", picture->height,
                   "\" src=\"data:image/png;base64,", base64(picture->png), "\">");
    html += text("<figcaption><b>", html_text(run.class_name(mistake.target)),
                 "</b> taken for <b class=\"wrong\">", html_text(run.class_name(mistake.predicted)),
                 "</b><br>", percent(mistake.probability), " sure<br><small>", html_text(mistake.sample),
                 "</small></figcaption></figure>\n");
  }
  return html + "</div>\n";
}

}  // namespace slipway
