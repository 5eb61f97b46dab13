#include "layers/window_settings.h"

namespace slipway {
namespace {

/// Reads the numbers of a padding with the messages of any other list.
struct PaddingNumbers : Component {
  void fields(FieldVisitor& visit) override {
    visit.field("padding", numbers, {.positional = true, .min = 0});
  }
  std::vector<std::int64_t> numbers;
};

}  // namespace

void SpatialSetting::check(const Component& owner, const std::string& name, ConfigErrors& errors) const {
  if (values_.size() > 2 || (values_.empty() && !optional_)) {
    errors.add(owner.where,
               text(name, ": has ", values_.size(), " numbers, expected one or [height, width]"));
  }
}

void PaddingSetting::field(FieldVisitor& visit, const char* help) {
  visit.field("padding", node_, {.help = help});
}

void PaddingSetting::check(ConfigErrors& errors) const {
  if (same()) return;
  ConfigErrors mistakes;
  const std::size_t count = numbers(mistakes).size();
  if (node_.is_scalar() && !mistakes.empty()) {
    errors.add(node_.where(), text("padding: expected `same` or integers >= 0, got '", node_.scalar(), "'"));
    return;
  }
  errors.add_all(mistakes);
  if (mistakes.empty() && count != 1 && count != 2 && count != 4) {
    errors.add(node_.where(), text("padding: has ", count,
                                   " numbers, expected one, [height, width] or [top, left, bottom, right]"));
  }
}

std::vector<std::int64_t> PaddingSetting::numbers(ConfigErrors& errors) const {
  PaddingNumbers read;
  read_component(node_, read, errors);
  return read.numbers;
}

void PaddingSetting::apply(Window2d& window, const std::array<std::int64_t, 2>& kernel,
                           const Shape& input) const {
  if (!same()) {
    ConfigErrors none;
    const std::vector<std::int64_t> edges = numbers(none);
    window.padding_begin = {edges[0], edges[edges.size() > 1 ? 1 : 0]};
    window.padding_end = edges.size() == 4 ? std::array{edges[2], edges[3]} : window.padding_begin;
    return;
  }
  for (std::size_t k = 0; k < 2; ++k) {
    const std::int64_t size = input[input.rank() - 2 + static_cast<int>(k)];
    const std::int64_t outputs = (size + window.stride[k] - 1) / window.stride[k];
    const std::int64_t reach = (outputs - 1) * window.stride[k] + (kernel[k] - 1) * window.dilation[k] + 1;
    const std::int64_t total = std::max<std::int64_t>(0, reach - size);
    window.padding_begin[k] = total / 2;
    window.padding_end[k] = total - total / 2;
  }
}

}  // namespace slipway
