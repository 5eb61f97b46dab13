#include <cstdlib>
#include <iostream>

#include "core/base/config_blocks.h"
#include "core/base/config_node.h"
#include "core/base/error.h"
#include "tests/core/base/sample_components.h"

using namespace slipway;

namespace {

void expect_equal(const std::string& a, const std::string& b) {
  if (a == b) return;
  std::cerr << "these should be equal:\n" << a << "\n---\n" << b << std::endl;
  std::abort();
}

/// Whatever is accepted must mean the same after it was written and read again.
void check(std::string_view yaml) {
  const ConfigNode root = ConfigNode::parse(yaml, "fuzz");
  const std::string written = root.to_yaml();
  constexpr std::size_t kRereadable = std::size_t{1} << 20;
  if (written.size() > kRereadable) return;
  expect_equal(ConfigNode::parse(written, "written").to_yaml(), written);

  sample::Drawing drawing;
  ConfigErrors errors;
  read_component(root, drawing, errors);
  const BlockTarget target{.kind = Registry<sample::Figure>::kind(), .sequence = "group"};
  const ConfigNode expanded = expand_blocks(drawing.more, drawing.blocks, target, errors);
  if (errors.empty() && expanded.is_sequence()) {
    for (const ConfigNode& item : expanded.items()) {
      Slot<sample::Figure> slot;
      read_slot(item, slot, errors);
    }
  }
  errors.throw_if_any();

  const std::string echo = write_component(drawing).to_yaml();
  sample::Drawing again;
  // Shorthands are written out, which may be deeper than a file can be.
  read_component(ConfigNode::parse(echo, "echo"), again, errors);
  if (!errors.empty()) expect_equal(errors.messages()[0], "");
  expect_equal(write_component(again).to_yaml(), echo);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    check({reinterpret_cast<const char*>(data), size});
  } catch (const UserError&) {
  }
  return 0;
}
