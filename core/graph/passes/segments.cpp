#include "core/graph/passes/segments.h"

#include <algorithm>
#include <limits>
#include <optional>

namespace slipway {
namespace {

/// A value of the forward pass that takes memory of its own.
struct Produced {
  std::size_t bytes;
  int position, last_reader;
  bool read_by_backward;
};

class SegmentSearch {
 public:
  explicit SegmentSearch(const ForwardPart& forward) : count_(static_cast<int>(forward.ops().size())) {
    produced_at_.resize(forward.ops().size());
    last_read_at_.resize(forward.ops().size());
    for (int p = 0; p < count_; ++p) {
      const int node = forward.ops()[static_cast<std::size_t>(p)];
      for (int k = 0; k < static_cast<int>(forward.graph().node(node).outputs.size()); ++k) {
        const Value value{node, k};
        if (forward.root(value) != value || forward.stays(value)) continue;
        const Produced produced{.bytes = forward.graph().type(value).bytes(),
                                .position = p,
                                .last_reader = forward.last_reader(value),
                                .read_by_backward = forward.is_read_by_backward(value)};
        total_ += produced.bytes;
        produced_at_[static_cast<std::size_t>(p)].push_back(produced);
        last_read_at_[static_cast<std::size_t>(produced.last_reader)].push_back(produced);
      }
    }
  }

  /// By bisection of the memory allowed.
  Segments run(double slack) const {
    std::size_t enough = total_, too_little = 0;
    while (enough - too_little > std::max<std::size_t>(1, total_ / 1000)) {
      const std::size_t allowed = too_little + (enough - too_little) / 2;
      (within(allowed) ? enough : too_little) = allowed;
    }
    return *within(static_cast<std::size_t>(static_cast<double>(enough) * slack));
  }

 private:
  static constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();

  /// kept[j], the least memory of what goes out of segments that end at or before position j, is the minimum
  /// over the starts i of the last of them of kept[i] + (what goes out of i..j), where that and what the
  /// backward pass reads of i..j is no more than allowed.
  std::optional<Segments> within(std::size_t allowed) const {
    std::vector<std::size_t> kept(static_cast<std::size_t>(count_) + 1, kNever);
    std::vector<int> start(static_cast<std::size_t>(count_) + 1, 0);
    kept[0] = 0;
    for (int i = 0; i < count_; ++i) {
      if (kept[static_cast<std::size_t>(i)] == kNever) continue;
      std::size_t out = kept[static_cast<std::size_t>(i)], inside = 0;
      for (int j = i + 1; j <= count_; ++j) {
        for (const Produced& value : produced_at_[static_cast<std::size_t>(j - 1)]) out += value.bytes;
        for (const Produced& value : last_read_at_[static_cast<std::size_t>(j - 1)]) {
          if (value.position < i) continue;
          out -= value.bytes;
          if (value.read_by_backward) inside += value.bytes;
        }
        std::size_t& best = kept[static_cast<std::size_t>(j)];
        if (out + inside > allowed || out >= best) continue;
        best = out;
        start[static_cast<std::size_t>(j)] = i;
      }
    }
    if (kept.back() == kNever) return std::nullopt;
    Segments segments;
    for (int end = count_; end > 0; end = start[static_cast<std::size_t>(end)])
      segments.push_back(start[static_cast<std::size_t>(end)]);
    std::reverse(segments.begin(), segments.end());
    return segments;
  }

  int count_;
  std::size_t total_ = 0;
  std::vector<std::vector<Produced>> produced_at_, last_read_at_;  // [position]
};

}  // namespace

Segments block_segments(const ForwardPart& forward) {
  Segments segments;
  for (std::size_t p = 0; p < forward.ops().size(); ++p) {
    const auto block = [&](std::size_t at) { return forward.graph().node(forward.ops()[at]).block; };
    if (p == 0 || block(p) != block(p - 1)) segments.push_back(static_cast<int>(p));
  }
  return segments;
}

Segments smallest_segments(const ForwardPart& forward, double slack) {
  return SegmentSearch(forward).run(slack);
}

}  // namespace slipway
