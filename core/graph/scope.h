#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/base/mode.h"
#include "core/base/random.h"
#include "core/graph/graph.h"

namespace slipway {

struct BatchShard;

/// How a variable gets its first values: fills a host tensor, drawing from `random` if it wants to.
using Initialize = std::function<void(const TensorView&, RandomSequence& random)>;

/// Thrown where building cannot go on because of a mistake that Scope::Options::errors holds already.
class AlreadyReported : public UserError {
 public:
  AlreadyReported() : UserError("the mistake was reported already") {}
};

/// Where a layer builds: the graph, the mode, and the dotted path that names what it adds.
class Scope {
 public:
  struct Options {
    Mode mode = Mode::training;
    DType dtype = DType::float32;  // of parameters and activations
    std::uint64_t seed = 1;
    ConfigErrors* errors = nullptr;     // takes mistakes, so that all are found; null: the first is thrown
    const BatchShard* shard = nullptr;  // the part of the batch that the graph is for; null: all of it
  };
  Scope(Graph& graph, Options options, std::string path = "")
      : graph_(&graph), options_(options), path_(std::move(path)) {}

  Graph& graph() const { return *graph_; }
  bool training() const { return options_.mode == Mode::training; }
  DType dtype() const { return options_.dtype; }
  /// Null if the graph is for whole batches. Else values of the batch have the rows of one rank, and whatever
  /// depends on all rows (a mean, statistics, the place of a row) has to be asked of the other ranks, too.
  const BatchShard* shard() const { return options_.shard; }
  const std::string& path() const { return path_; }
  const ValueType& type(Value value) const { return graph_->type(value); }
  const Shape& shape(Value value) const { return graph_->type(value).shape; }

  /// A scope one level deeper: "block1" inside "stage2" is "stage2.block1".
  Scope child(const std::string& name) const { return {*graph_, options_, qualified(name)}; }
  std::string qualified(const std::string& name) const { return path_.empty() ? name : path_ + "." + name; }
  /// A random key for one purpose of this layer.
  std::uint64_t key(const std::string& purpose) const {
    return random_key(options_.seed, qualified(purpose));
  }

  /// The same place, whose mistakes go to `errors`.
  Scope reporting_to(ConfigErrors& errors) const {
    Options options = options_;
    options.errors = &errors;
    return {*graph_, options, path_};
  }
  /// Runs `build` for a part of the model ("linear 'fc1'") that stands at `where`: its nodes carry this
  /// place, and so does a mistake in it. Returns whether it was built; without Options::errors a mistake is
  /// thrown as a UserError instead.
  bool attempt(const SourcePosition& where, const std::string& part,
               const std::function<void()>& build) const;

  struct Parameter {
    std::string name;  // "weight"
    Shape shape;
    Initialize initialize;
    bool decay = true;  // weight decay applies unless the optimizer's groups say otherwise
  };
  /// A learned variable "path.name" of the scope's dtype.
  Value parameter(const Parameter& parameter) const {
    const Philox source{.key = key(parameter.name)};
    return graph_->variable({.name = qualified(parameter.name),
                             .dtype = dtype(),
                             .shape = parameter.shape,
                             .initialize =
                                 [source, initialize = parameter.initialize](const TensorView& view) {
                                   RandomSequence random(source);
                                   initialize(view, random);
                                 },
                             .trainable = true,
                             .decay = parameter.decay});
  }
  /// A variable that is not learned, such as a running mean, filled with one value.
  Value state(const std::string& name, const Shape& shape, double fill) const {
    return graph_->variable({.name = qualified(name),
                             .dtype = dtype(),
                             .shape = shape,
                             .initialize = [fill](const TensorView& view) {
                               copy_elements(Tensor::full(view.dtype(), view.shape(), fill), view);
                             }});
  }

  Value add(OpPtr op, std::vector<Value> inputs) const {
    return graph_->add(std::move(op), std::move(inputs), path_);
  }
  std::vector<Value> add_all(OpPtr op, std::vector<Value> inputs) const {
    return graph_->add_all(std::move(op), std::move(inputs), path_);
  }

 private:
  Graph* graph_;
  Options options_;
  std::string path_;
};

/// While it lives, what is built belongs to one block of the model, named like the scope: a part of which
/// `recompute: blocks` keeps only what goes in and out. Inside of a block it changes nothing, unless it
/// `splits` that block.
class BlockMark {
 public:
  enum class Inside { joins, splits };
  explicit BlockMark(const Scope& scope, Inside inside = Inside::joins)
      : graph_(scope.graph()), around_(graph_.block()) {
    if (around_.empty() || inside == Inside::splits) graph_.set_block(scope.path());
  }
  ~BlockMark() { graph_.set_block(around_); }
  BlockMark(const BlockMark&) = delete;
  BlockMark& operator=(const BlockMark&) = delete;

 private:
  Graph& graph_;
  std::string around_;
};

}  // namespace slipway
