#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/base/random.h"
#include "core/graph/graph.h"
#include "core/tensor/tensor.h"

namespace slipway::test {

/// A graph of random elementwise ops, with others in between, on values of shapes that broadcast.
class RandomGraph {
 public:
  enum class Casts { none, wide, narrow };  // to float64 and integers; to 16 bits

  RandomGraph(std::uint64_t seed, Casts casts);

  const Graph& graph() const { return graph_; }

  /// What `graph`, made of this one by a pass, computes from this one's inputs.
  std::vector<Tensor> run(Graph graph, const Stream& stream) const;

 private:
  std::size_t below(std::size_t bound) { return random_.below(bound); }
  Value any();
  Value like(Value value);
  Value next();
  Value cast(Value x);

  RandomSequence random_;
  Casts casts_;
  Graph graph_;
  std::vector<Value> values_;
  std::vector<std::pair<std::string, Tensor>> inputs_;
};

}  // namespace slipway::test
