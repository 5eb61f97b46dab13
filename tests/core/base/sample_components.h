#pragma once

#include "core/base/component.h"

/// Components of no use but to test the configuration: every field type, every shorthand, one kind of their
/// own.
namespace slipway::sample {

struct Figure : Component {
  static constexpr const char* kKind = "figure";
};

struct Dot : Figure {
  void fields(FieldVisitor&) override {}
};

struct Circle : Figure {
  double radius = 0;

  void fields(FieldVisitor& visit) override {
    visit.field("radius", radius,
                {.help = "distance from the centre", .required = true, .positional = true, .above = 0});
  }
};

struct Polygon : Figure {
  std::int64_t corners = 4;
  bool filled = true;
  std::string style = "solid";
  std::vector<std::int64_t> margin = {0, 0};
  std::optional<double> dash;

  void fields(FieldVisitor& visit) override {
    visit.field("corners", corners, {.help = "how many", .positional = true, .min = 3, .max = 12});
    visit.field("filled", filled, {.help = "paint the inside"});
    visit.field("style", style, {.help = "of the line", .choices = {"solid", "dashed"}});
    visit.field("margin", margin, {.help = "around it", .positional = true, .min = 0});
    visit.field("dash", dash, {.help = "length of a dash", .max = 1, .above = 0});
  }
};

struct Group : Figure {
  std::vector<Slot<Figure>> figures;

  void fields(FieldVisitor& visit) override {
    visit.field("figures", figures, {.help = "drawn in order", .required = true, .positional = true});
  }
};

struct Scaled : Figure {
  Slot<Figure> figure;
  double factor = 2;

  void fields(FieldVisitor& visit) override {
    visit.field("figure", figure, {.help = "what is scaled", .required = true});
    visit.field("factor", factor, {.help = "by how much", .min = 0, .below = 10});
  }
};

inline const Register<Figure, Dot> registered_dot("dot", "A point.");
inline const Register<Figure, Circle> registered_circle("circle", "All points at one distance.");
inline const Register<Figure, Polygon> registered_polygon("polygon", "Straight lines that close.");
inline const Register<Figure, Group> registered_group("group", "Several figures as one.");
inline const Register<Figure, Scaled> registered_scaled("scaled", "A figure made larger or smaller.");

struct Canvas : Component {
  std::int64_t width = 640;
  std::int64_t height = 480;

  void fields(FieldVisitor& visit) override {
    visit.field("width", width, {.help = "in pixels", .positional = true, .min = 1});
    visit.field("height", height, {.help = "in pixels", .min = 1});
  }
  void check(ConfigErrors& errors) const override {
    if (height > width) errors.add(where, "canvas: height exceeds width");
  }
};

struct Drawing : Component {
  std::string title = "untitled";
  Canvas canvas;
  Slot<Figure> background{"dot"};
  std::vector<Slot<Figure>> figures;
  std::vector<double> weights = {0.5, 1e-4};
  std::vector<std::string> tags;
  std::optional<std::int64_t> seed;
  std::optional<std::string> author;
  ConfigNode extra;
  ConfigNode blocks;
  ConfigNode more;

  void fields(FieldVisitor& visit) override {
    visit.field("title", title, {.help = "shown above"});
    visit.field("canvas", canvas, {.help = "what is drawn on"});
    visit.field("background", background, {.help = "drawn first"});
    visit.field("figures", figures, {.help = "drawn in order", .required = true});
    visit.field("weights", weights, {.help = "of the lines", .min = 0});
    visit.field("tags", tags, {.help = "for searching"});
    visit.field("seed", seed, {.help = "of the randomness", .min = 0});
    visit.field("author", author, {.help = "who drew it"});
    visit.field("extra", extra, {.help = "kept as it is"});
    visit.field("blocks", blocks, {.help = "figures with parameters", .blocks_of = "figure"});
    visit.field("more", more, {.help = "figures that may use blocks", .list_of = "figure"});
  }
};

}  // namespace slipway::sample
