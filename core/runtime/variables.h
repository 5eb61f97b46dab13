#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/graph/graph.h"

namespace slipway {

/// Several variables one after another in one flat tensor, so that an optimizer, an all-reduce or a norm
/// passes over all of them at once. Members start at multiples of kAlignment elements; the gaps are zero.
struct VariableArena {
  static constexpr std::int64_t kAlignment = 16;
  struct Member {
    std::string name;
    std::int64_t offset = 0;    // in elements
    std::int64_t elements = 0;  // of memory, blocked padding included
  };
  std::string name;
  DType dtype = DType::float32;
  std::vector<Member> members;
  std::int64_t elements = 0;

  /// Lays out variables of one dtype in the given order, with the layouts they have in the graph.
  static VariableArena plan(const Graph& graph, const std::string& name, const std::vector<Value>& variables);
};

/// The memory of a model's variables by name, shared by every graph built for it (training, evaluation, any
/// batch size), on the device of a stream, in whose order they are read and written.
class Variables {
 public:
  explicit Variables(const Stream& stream = {}) : stream_(stream) {}
  const Stream& stream() const { return stream_; }

  /// Allocates an arena and its members; the arena itself becomes a flat variable of its name. Members keep
  /// the layouts that they have in `graph` and are initialised by their specs.
  void allocate(const VariableArena& arena, const Graph& graph);
  /// Allocates and initialises every variable of the graph that does not exist yet. An existing one must have
  /// the same dtype and shape.
  void allocate(const Graph& graph);

  /// The same variables, except that the members of `arena` lie in `flat`, a variable of the arena's size,
  /// such as a moving average of the weights. Memory is shared.
  Variables with_arena(const VariableArena& arena, const std::string& flat) const;

  bool contains(const std::string& name) const { return tensors_.contains(name); }
  const Tensor& operator[](const std::string& name) const;
  /// Where a variable lies, for assign_layouts.
  std::optional<Layout> layout(const std::string& name) const;
  std::vector<std::string> names() const;

  /// The same variables on a stream's device; memory that lies there already is shared.
  Variables on(const Stream& stream) const;

  /// A row-major copy on the host.
  Tensor read(const std::string& name) const;
  /// Takes the values of a host tensor of the same shape; dtypes are converted.
  void write(const std::string& name, const Tensor& value);
  /// Enqueues a host tensor of the variable's own type to become its value.
  void enqueue_write(const std::string& name, const TensorView& value) const;

 private:
  struct NewVariable {
    const VariableSpec* spec;
    Tensor memory;  // zeros
  };
  /// Initialises the variables, on the host with all threads of the stream, and keeps them.
  void insert(const std::vector<NewVariable>& variables);
  Tensor zeros(const ValueType& type) const;

  Stream stream_;
  std::map<std::string, Tensor> tensors_;
};

}  // namespace slipway
