#include "kernels/reorder.h"

#include <array>
#include <cstring>

#include "kernels/cpu/parallel.h"

namespace slipway::cpu {
namespace {

constexpr std::int64_t kTile = 16;           // a cache line of float32
constexpr std::int64_t kRunElements = 4096;  // of a run that is contiguous on both sides
// Of one unit of work: rows of more would lie in more pages than the first translation buffer holds.
constexpr std::int64_t kItemElements = 2048;

/// The two inner loops, cut into pieces; each unit of work is one piece at one index of the outer loops.
template <class Word>
class Copier {
 public:
  Copier(const CopyPlan& plan, const void* from, void* to)
      : plan_(plan),
        inner_(plan.axes.back()),
        second_(plan.axes[plan.axes.size() - 2]),
        from_(static_cast<const Word*>(from)),
        to_(static_cast<Word*>(to)) {
    contiguous_ = inner_.from_offsets.empty() && inner_.to_offsets.empty() && inner_.from_stride == 1 &&
                  inner_.to_stride == 1;
    inner_piece_ = std::min(inner_.size, contiguous_ ? kRunElements : kTile);
    if (inner_piece_ == 0 || second_.size == 0) return;
    second_piece_ = std::min(second_.size, std::max<std::int64_t>(1, kItemElements / inner_piece_));
    inner_pieces_ = (inner_.size + inner_piece_ - 1) / inner_piece_;
    second_pieces_ = (second_.size + second_piece_ - 1) / second_piece_;
    items_ = inner_pieces_ * second_pieces_;
    for (std::size_t i = 0; i + 2 < plan.axes.size(); ++i) items_ *= plan.axes[i].size;
  }

  std::int64_t items() const { return items_; }
  std::int64_t item_elements() const { return std::max<std::int64_t>(1, inner_piece_ * second_piece_); }

  void copy(std::int64_t item) const {
    const std::int64_t a = item % inner_pieces_ * inner_piece_;
    item /= inner_pieces_;
    const std::int64_t b = item % second_pieces_ * second_piece_;
    item /= second_pieces_;
    const Word* from = from_;
    Word* to = to_;
    for (std::size_t i = plan_.axes.size() - 2; i-- > 0;) {
      const CopyPlan::Axis& axis = plan_.axes[i];
      const std::int64_t index = item % axis.size;
      item /= axis.size;
      from += axis.from(index);
      to += axis.to(index);
    }
    const std::int64_t a_end = std::min(inner_.size, a + inner_piece_);
    const std::int64_t b_end = std::min(second_.size, b + second_piece_);
    if (contiguous_) {
      for (std::int64_t j = b; j < b_end; ++j) {
        copy_run(from + second_.from(j) + a, to + second_.to(j) + a, a_end - a);
      }
      return;
    }
    std::array<std::int64_t, kTile> from_offsets, to_offsets;
    const int count = static_cast<int>(a_end - a);
    for (int k = 0; k < count; ++k) {
      from_offsets[static_cast<std::size_t>(k)] = inner_.from(a + k);
      to_offsets[static_cast<std::size_t>(k)] = inner_.to(a + k);
    }
    for (std::int64_t j = b; j < b_end; ++j) {
      const Word* source = from + second_.from(j);
      Word* target = to + second_.to(j);
      for (std::size_t k = 0; k < static_cast<std::size_t>(count); ++k) {
        target[to_offsets[k]] = source[from_offsets[k]];
      }
    }
  }

 private:
  static void copy_run(const Word* from, Word* to, std::int64_t count) {
    if (count >= 64) {
      std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(Word));
    } else {
      for (std::int64_t i = 0; i < count; ++i) to[i] = from[i];
    }
  }

  const CopyPlan& plan_;
  const CopyPlan::Axis& inner_;
  const CopyPlan::Axis& second_;
  const Word* from_;
  Word* to_;
  bool contiguous_ = false;
  std::int64_t inner_piece_ = 0, second_piece_ = 0;
  std::int64_t inner_pieces_ = 0, second_pieces_ = 0;
  std::int64_t items_ = 0;
};

template <class Word>
void copy(const Stream& stream, const ReorderArgs& args) {
  const Copier<Word> copier(*args.plan, args.from, args.to);
  parallel_each(limited(stream, copier.items() * copier.item_elements()), copier.items(),
                [&](std::int64_t item) { copier.copy(item); });
}

void run(const Stream& stream, const ReorderArgs& args) {
  if (args.plan->padded_bytes > 0) std::memset(args.to, 0, args.plan->padded_bytes);
  switch (args.plan->element_bytes) {
    case 1:
      return copy<std::uint8_t>(stream, args);
    case 2:
      return copy<std::uint16_t>(stream, args);
    case 4:
      return copy<std::uint32_t>(stream, args);
    case 8:
      return copy<std::uint64_t>(stream, args);
    default:
      throw Error(text("reorder: elements of ", args.plan->element_bytes, " bytes"));
  }
}

const KernelRegistrar<ReorderArgs> kReorder(reorder, DeviceKind::cpu, run);

}  // namespace
}  // namespace slipway::cpu
