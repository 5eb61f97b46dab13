#pragma once

#include <cstdint>
#include <vector>

#include "data/graph_step.h"

namespace slipway {

/// Throws a UserError that names `actor` unless both lists have `channels` values and no deviation is 0 or
/// less.
void check_mean_and_std(const char* actor, const std::vector<double>& mean, const std::vector<double>& std,
                        std::int64_t channels);
/// y = (x - mean) / std, for each index of axis 1.
Affine standardizing(const std::vector<double>& mean, const std::vector<double>& std);

}  // namespace slipway
