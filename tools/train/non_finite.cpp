#include "tools/train/non_finite.h"

#include <algorithm>
#include <cmath>

namespace slipway {
namespace {

template <class T>
bool finite(T value) {
  return std::isfinite(static_cast<float>(value));
}

/// Padding counts as finite: it is zero.
bool all_finite(const TensorView& value) {
  Tensor copy;  // of what lies on another device
  if (!value.device.is_host()) {
    copy = Tensor(value.type);
    copy_elements(value, copy);
  }
  const TensorView view = copy.defined() ? copy.view() : value;
  const std::int64_t count = view.type.layout.extent(view.shape());
  return visit_dtype(view.dtype(), [&]<class T>() {
    const T* values = view.pointer<T>();
    return std::all_of(values, values + count, finite<T>);
  });
}

std::vector<std::int64_t> rows_not_finite(const TensorView& view) {
  const Tensor values(view.dtype(), view.shape());
  copy_elements(view, values);
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < view.shape()[0]; ++i) {
    if (!all_finite(values.slice(0, i, i + 1))) rows.push_back(i);
  }
  return rows;
}

/// For each node whether it is a part of the forward pass that depends on the batch: its values have a row a
/// sample if they have as many rows as the batch, which a parameter or its gradient may have by chance.
std::vector<bool> depends_on_batch(const Graph& graph) {
  const int loss = graph.outputs().at("loss").node;
  std::vector<bool> depends(graph.nodes().size(), false);
  for (int i = 0; i <= loss; ++i) {
    const Node& node = graph.node(i);
    depends[static_cast<std::size_t>(i)] =
        node.kind == NodeKind::input || std::any_of(node.inputs.begin(), node.inputs.end(), [&](Value input) {
          return depends[static_cast<std::size_t>(input.node)];
        });
  }
  return depends;
}

}  // namespace

std::optional<NonFinite> find_non_finite(Executor& executor, std::int64_t batch_size) {
  const std::vector<bool> of_samples = depends_on_batch(executor.graph());
  std::optional<NonFinite> found;
  executor.run([&](int index, const OpContext& context) {
    if (found) return;
    const Node& node = executor.graph().node(index);
    for (const TensorView& output : context.outputs) {
      if (!is_floating(output.dtype()) || all_finite(output)) continue;
      found.emplace();
      found->node = index;
      found->source =
          text(node.op->name(), " '", node.name, "'", node.where.line > 0 ? text(" (", node.where, ")") : "");
      const Shape& shape = output.shape();
      if (of_samples[static_cast<std::size_t>(index)] && shape.rank() > 0 && shape[0] == batch_size)
        found->samples = rows_not_finite(output);
      return;
    }
  });
  return found;
}

}  // namespace slipway
