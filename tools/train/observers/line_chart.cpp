#include "tools/train/observers/line_chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "core/base/error.h"
#include "tools/train/observers/html.h"

namespace slipway {
namespace {

using Point = LineChart::Point;
using Series = LineChart::Series;

// The plot inside its figure, in units of the SVG's view box.
constexpr double kWidth = 560, kHeight = 250, kLeft = 52, kRight = 12, kTop = 10, kBottom = 28;
constexpr double kLogarithmicFrom = 100;  // ratio of largest to least

struct Range {
  double least = std::numeric_limits<double>::infinity();
  double largest = -std::numeric_limits<double>::infinity();
  void include(double value) {
    least = std::min(least, value);
    largest = std::max(largest, value);
  }
};

bool is_finite(const Point& point) { return std::isfinite(point.x) && std::isfinite(point.y); }

std::string number(double value) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%.6g", value);
  return buffer;
}

std::string place(double value) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%.1f", value);
  return buffer;
}

/// 1000 as "1k": what fits beside an axis.
std::string tick_label(double value) {
  const double size = std::abs(value);
  if (size >= 1e6 && size < 1e9) return number(value / 1e6) + "M";
  if (size >= 1e4) return number(value / 1e3) + "k";
  return number(value);
}

/// Round numbers, about five, that cover a range.
std::vector<double> linear_ticks(const Range& range) {
  const double raw = (range.largest - range.least) / 4;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  const double step = power * (raw <= power ? 1 : raw <= 2 * power ? 2 : raw <= 5 * power ? 5 : 10);
  std::vector<double> ticks;
  for (double i = std::floor(range.least / step + 1e-9); ticks.size() < 12; ++i) {
    ticks.push_back(i * step);
    if (ticks.back() >= range.largest - step * 1e-9) break;
  }
  return ticks;
}

std::vector<double> logarithmic_ticks(const Range& range) {
  std::vector<double> ticks;
  for (double power = std::pow(10, std::floor(std::log10(range.least))); power <= range.largest;
       power *= 10) {
    for (const double factor : {1.0, 3.0}) {
      if (power * factor >= range.least && power * factor <= range.largest) ticks.push_back(power * factor);
    }
  }
  return ticks;
}

class Plot {
 public:
  explicit Plot(const LineChart& chart) {
    for (const Series& series : chart.series) {
      for (const Point& point : series.points) {
        if (!is_finite(point)) continue;
        x_.include(point.x);
        y_.include(point.y);
      }
    }
    x_.include(0);
    x_.include(chart.last_x);
    if (x_.largest <= x_.least) x_.largest = x_.least + 1;
    logarithmic_ = chart.scale == LineChart::Scale::logarithmic_if_wide && y_.least > 0 &&
                   y_.largest / y_.least >= kLogarithmicFrom;
    if (logarithmic_) {
      ticks_ = logarithmic_ticks(y_);
    } else {
      if (y_.largest - y_.least <= 1e-9 * std::max(std::abs(y_.largest), 1e-300)) {
        const double margin = y_.largest == 0 ? 1 : std::abs(y_.largest) / 10;
        y_ = {y_.least - margin, y_.largest + margin};
      }
      ticks_ = linear_ticks(y_);
      y_ = {std::min(y_.least, ticks_.front()), std::max(y_.largest, ticks_.back())};
    }
  }

  double x(double value) const {
    return kLeft + (value - x_.least) / (x_.largest - x_.least) * (kWidth - kLeft - kRight);
  }
  double y(double value) const {
    const double share = logarithmic_ ? std::log(value / y_.least) / std::log(y_.largest / y_.least)
                                      : (value - y_.least) / (y_.largest - y_.least);
    return kHeight - kBottom - share * (kHeight - kTop - kBottom);
  }
  double largest_x() const { return x_.largest; }

  std::string axes() const {
    std::string svg;
    for (const double tick : ticks_) {
      svg += text("<path class=\"grid\" d=\"M", kLeft, " ", place(y(tick)), "H", kWidth - kRight,
                  "\"/><text x=\"", kLeft - 6, "\" y=\"", place(y(tick) + 4), "\" text-anchor=\"end\">",
                  tick_label(tick), "</text>");
    }
    std::vector<double> epochs = linear_ticks(x_);
    for (const double tick : epochs) {
      if (tick > x_.largest || tick != std::floor(tick)) continue;
      svg += text("<text x=\"", place(x(tick)), "\" y=\"", kHeight - 8, "\" text-anchor=\"middle\">",
                  tick_label(tick), "</text>");
    }
    return svg;
  }

 private:
  Range x_, y_;
  bool logarithmic_ = false;
  std::vector<double> ticks_;
};

std::string line(const Plot& plot, const Series& series) {
  std::string path, dots;
  bool drawing = false;
  for (const Point& point : series.points) {
    if (is_finite(point)) {
      const std::string at = place(plot.x(point.x)) + " " + place(plot.y(point.y));
      path += (drawing ? "L" : "M") + at;
      dots += "M" + at + "h0";
    }
    drawing = is_finite(point);
  }
  const bool faint = series.style == Series::Style::faint_line;
  std::string svg =
      text("<path class=\"line s", series.color, faint ? " faint" : "", "\" d=\"", path, "\"/>");
  if (series.style == Series::Style::dotted_line)
    svg += text("<path class=\"dots s", series.color, "\" d=\"", dots, "\"/>");
  return svg;
}

/// What the page's script shows under the pointer: [[name, colour, [x, y, x, y, ...]], ...].
std::string pointer_data(const LineChart& chart) {
  std::string data = "[";
  for (const Series& series : chart.series) {
    std::string name;
    for (const char character : series.name)
      name += character == '"' || character == '\\' || (character >= 0 && character < ' ') ? ' ' : character;
    data += text(data.size() > 1 ? "," : "", "[\"", name, "\",", series.color, ",[");
    bool first = true;
    for (const Point& point : series.points) {
      if (!is_finite(point)) continue;
      data += (first ? "" : ",") + number(point.x) + "," + number(point.y);
      first = false;
    }
    data += "]]";
  }
  return data + "]";
}

}  // namespace

bool LineChart::has_points() const {
  return std::any_of(series.begin(), series.end(), [](const Series& each) {
    return std::any_of(each.points.begin(), each.points.end(), is_finite);
  });
}

std::string LineChart::html() const {
  const Plot plot(*this);
  std::string html = text("<figure class=\"chart card\"><figcaption>", html_text(title));
  if (series.size() > 1) {
    html += "<span class=\"legend\">";
    for (const Series& each : series)
      html += text("<i class=\"s", each.color, each.style == Series::Style::faint_line ? " faint" : "",
                   "\"></i>", html_text(each.name), " ");
    html += "</span>";
  }
  html += text("</figcaption><svg viewBox=\"0 0 ", kWidth, " ", kHeight, "\" role=\"img\" aria-label=\"",
               html_text(title), "\" data-x=\"", kLeft, ",", kWidth - kRight, ",", number(plot.largest_x()),
               "\" data-series=\"", html_text(pointer_data(*this)), "\">", plot.axes());
  for (const Series& each : series) html += line(plot, each);
  return html +
         text("<path class=\"pointer\" d=\"M0 ", kTop, "V", kHeight - kBottom, "\"/></svg></figure>\n");
}

std::vector<Point> thinned(const std::vector<Point>& points, std::size_t count) {
  if (points.size() <= count) return points;
  std::vector<Point> means;
  for (std::size_t part = 0; part < count; ++part) {
    const std::size_t begin = part * points.size() / count, end = (part + 1) * points.size() / count;
    Point sum;
    double counted = 0;
    for (std::size_t i = begin; i < end; ++i) {
      if (!is_finite(points[i])) continue;
      sum.x += points[i].x;
      sum.y += points[i].y;
      ++counted;
    }
    if (counted > 0) means.push_back({sum.x / counted, sum.y / counted});
  }
  return means;
}

}  // namespace slipway
