#include <algorithm>
#include <iostream>

#include "core/tensor/device_backend.h"
#include "tools/slipway/verb.h"
#include "tools/train/project.h"
#include "tools/train/summary.h"
#include "tools/train/tuned_choices.h"

namespace slipway {
namespace {

using Row = std::vector<std::string>;

/// Columns as wide as their widest cell.
void print_table(std::ostream& out, const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += row[i] + std::string(widths[i] - row[i].size() + 2, ' ');
    out << line.substr(0, line.find_last_not_of(' ') + 1) << '\n';
  }
}

std::string or_dash(const std::string& cell) { return cell.empty() ? "-" : cell; }

class DevicesVerb : public Verb {
 public:
  std::string name() const override { return "devices"; }
  std::string summary() const override { return "List the devices that a model can be trained on"; }
  std::string details() const override {
    return "The first column is what --device and the configuration's `device` take. A device that can't be "
           "used says why.";
  }
  void options(CLI::App&) override {}

  int run() override {
    std::vector<Row> rows = {{"device", "name", "memory", "free", "capability", "driver", "state"}};
    rows.push_back(
        {"cpu", text(processor_name(), ", ", default_threads(), " threads"), "-", "-", "-", "-", "usable"});
    const DeviceBackend* cuda = find_device_backend(DeviceKind::cuda);
    std::string why_none = "this build has none; configure it with -D SLIPWAY_GPU=cuda";
    const int count = cuda ? cuda->count(&why_none) : 0;
    for (int i = 0; i < count; ++i) rows.push_back(describe(i, cuda->info(i)));
    print_table(std::cout, rows);
    if (count == 0) std::cout << "No CUDA device: " << why_none << ".\n";
    return 0;
  }

 private:
  static Row describe(int index, const DeviceInfo& info) {
    const bool usable = info.unusable.empty();
    return {to_string(Device{DeviceKind::cuda, index}),
            or_dash(info.name),
            info.memory_bytes > 0 ? bytes_text(info.memory_bytes) : "-",
            usable ? bytes_text(info.free_bytes) : "-",
            or_dash(info.compute_capability),
            or_dash(info.driver),
            usable ? "usable" : "can't be used: " + info.unusable};
  }
};

const RegisterVerb<DevicesVerb> registered;

}  // namespace
}  // namespace slipway
