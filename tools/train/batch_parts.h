#pragma once

#include <optional>
#include <span>

#include "core/comm/batch_shard.h"
#include "core/runtime/executor.h"
#include "data/dataset.h"

namespace slipway {

/// Gives an executor one tensor a feature: all rows, or, of a graph that was joined from the parts of a
/// shard, to each part its own. `batch` has the rows of this rank.
void bind_batch(Executor& executor, const Schema& schema, std::span<const TensorView> batch,
                std::optional<BatchShard> shard);

}  // namespace slipway
