#pragma once

#include <string>
#include <vector>

namespace slipway {

/// A figure over epochs, drawn as SVG in the page's colours.
struct LineChart {
  struct Point {
    double x = 0;
    double y = 0;
  };
  struct Series {
    std::string name;
    int color = 1;  // one of the page's four
    enum class Style { line, faint_line, dotted_line } style = Style::line;
    std::vector<Point> points;  // by x; what is not finite is left out
  };
  enum class Scale { linear, logarithmic_if_wide };

  std::string title;
  double last_x = 0;  // the horizontal axis ends here, or later if there are points
  Scale scale = Scale::linear;
  std::vector<Series> series;

  /// True if there is anything to draw.
  bool has_points() const;
  /// A <figure>. Values that are all positive are wide if they span two decades.
  std::string html() const;
};

/// At most `count` points: the means of equal numbers of neighbours, of those that are finite.
std::vector<LineChart::Point> thinned(const std::vector<LineChart::Point>& points, std::size_t count);

}  // namespace slipway
