#pragma once

#include <string>
#include <vector>

namespace slipway {

/// A fixed training step whose speed is compared with other frameworks: model, batch and optimizer as a
/// configuration over random data.
struct Workload {
  std::string name;
  std::string what;  // what it stands for
  std::string yaml;
};

/// Every workload of `slipway bench`.
const std::vector<Workload>& workloads();
/// One of them; an unknown name is a UserError with the known ones and the `others` that the user might have
/// meant.
const Workload& find_workload(const std::string& name, std::vector<std::string> others = {});

}  // namespace slipway
