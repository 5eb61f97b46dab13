#include "data/transforms/scaling.h"

namespace slipway {

void check_mean_and_std(const char* actor, const std::vector<double>& mean, const std::vector<double>& std,
                        std::int64_t channels) {
  require_user(static_cast<std::int64_t>(mean.size()) == channels && mean.size() == std.size(), actor, ": ",
               channels, " channels or columns need as many means and deviations, got ", mean.size(), " and ",
               std.size());
  for (const double value : std)
    require_user(value > 0, actor, ": a deviation of ", value, ", expected more than 0");
}

Affine standardizing(const std::vector<double>& mean, const std::vector<double>& std) {
  Affine step{.axis = 1, .scale = {}, .shift = {}};
  for (std::size_t i = 0; i < mean.size(); ++i) {
    step.scale.push_back(1 / std[i]);
    step.shift.push_back(-mean[i] / std[i]);
  }
  return step;
}

}  // namespace slipway
