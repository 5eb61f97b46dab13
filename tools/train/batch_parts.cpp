#include "tools/train/batch_parts.h"

#include "core/graph/passes/passes.h"

namespace slipway {

void bind_batch(Executor& executor, const Schema& schema, std::span<const TensorView> batch,
                std::optional<BatchShard> shard) {
  const std::int64_t first = shard ? shard->begin() : 0;
  do {
    for (std::size_t i = 0; i < schema.size(); ++i) {
      if (shard && shard->rank_parts > 1) {
        const std::int64_t begin = shard->begin() - first;
        executor.bind(part_name(schema[i].name, shard->part),
                      batch[i].slice(0, begin, begin + shard->size()));
      } else {
        executor.bind(schema[i].name, batch[i]);
      }
    }
  } while (shard && ++shard->part < shard->rank_parts);
}

}  // namespace slipway
