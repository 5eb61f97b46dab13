#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "core/graph/passes/passes.h"
#include "core/graph/passes/rewriter.h"

namespace slipway {
namespace {

class EarlyStarter {
 public:
  explicit EarlyStarter(const Graph& graph)
      : rewrite_(graph), early_(graph.nodes().size()), placed_(graph.nodes().size()) {
    find_early();
    find_dependencies();
  }

  Graph run() && {
    for (int i = 0; i < count(); ++i) {
      if (from().node(i).kind != NodeKind::op && feeds_early(i)) place(i);
      if (at(early_, i) && at(waits_for_, i) == 0) ready_.emplace(at(starts_, i), i);
    }
    for (int i = 0; i < count(); ++i) {
      if (!at(early_, i) && !at(placed_, i)) place(i);
      while (!ready_.empty()) place(ready_.extract(ready_.begin()).value().second);
    }
    return std::move(rewrite_).finish();
  }

 private:
  const Graph& from() const { return rewrite_.from(); }
  int count() const { return static_cast<int>(from().nodes().size()); }
  template <class T>
  static typename std::vector<T>::reference at(std::vector<T>& values, int i) {
    return values[static_cast<std::size_t>(i)];
  }

  bool feeds_early(int i) { return at(starts_, i) != kNone; }

  /// Nodes that start something, and ops of which only such are fed.
  void find_early() {
    std::vector<bool> late(early_.size());  // read by a node that keeps its place, or an output
    for (const auto& [name, value] : from().outputs()) at(late, value.node) = true;
    for (int i = count(); i-- > 0;) {
      const Node& node = from().node(i);
      const bool starts = node.kind == NodeKind::op && node.op->starts_early();
      if (starts) at(starts_, i) = i;
      at(early_, i) = starts || (node.kind == NodeKind::op && feeds_early(i) && !at(late, i));
      for (const Value input : node.inputs) {
        if (at(early_, i))
          at(starts_, input.node) = std::min(at(starts_, input.node), at(starts_, i));
        else
          at(late, input.node) = true;
      }
    }
  }

  /// Each node comes after those whose values it reads; those that touch a variable which one of them updates
  /// keep their order.
  void find_dependencies() {
    waits_for_.resize(early_.size());
    frees_.resize(early_.size());
    std::map<Value, std::vector<int>> users;  // of the variables that are updated
    for (const VariableUpdate& update : from().updates()) users[update.variable];
    for (int i = 0; i < count(); ++i) {
      for (const Value input : from().node(i).inputs) {
        depend(i, input.node);
        if (const auto found = users.find(input); found != users.end()) {
          for (const int other : found->second) depend(i, other);
          found->second.push_back(i);
        }
      }
    }
  }

  void depend(int node, int on) {
    if (node == on) return;
    ++at(waits_for_, node);
    at(frees_, on).push_back(node);
  }

  void place(int i) {
    rewrite_.copy(i);
    at(placed_, i) = true;
    for (const int next : at(frees_, i)) {
      if (--at(waits_for_, next) == 0 && at(early_, next)) ready_.emplace(at(starts_, next), next);
    }
  }

  static constexpr int kNone = std::numeric_limits<int>::max();

  GraphRewriter rewrite_;
  std::vector<bool> early_, placed_;
  std::vector<int> starts_ = std::vector<int>(early_.size(), kNone);  // the first start that a node leads to
  std::set<std::pair<int, int>> ready_;  // (starts_, node) of early nodes whose inputs are there
  std::vector<int> waits_for_;
  std::vector<std::vector<int>> frees_;
};

}  // namespace

Graph start_early(const Graph& graph) { return EarlyStarter(graph).run(); }

}  // namespace slipway
