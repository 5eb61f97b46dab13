#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <span>

namespace slipway {

inline constexpr int kMaxRank = 8;

/// Up to kMaxRank integers, stored inline: the sizes of a tensor, an axis list, strides.
class Dims {
 public:
  Dims() = default;
  Dims(std::initializer_list<std::int64_t> values) : Dims(std::span(values.begin(), values.size())) {}
  explicit Dims(std::span<const std::int64_t> values);
  /// `rank` copies of `value`.
  static Dims filled(int rank, std::int64_t value);

  int rank() const { return rank_; }
  bool empty() const { return rank_ == 0; }
  std::int64_t operator[](int axis) const { return values_[static_cast<std::size_t>(axis)]; }
  std::int64_t& operator[](int axis) { return values_[static_cast<std::size_t>(axis)]; }
  std::int64_t back() const { return (*this)[rank_ - 1]; }
  const std::int64_t* begin() const { return values_.data(); }
  const std::int64_t* end() const { return values_.data() + rank_; }
  std::span<const std::int64_t> span() const { return {begin(), static_cast<std::size_t>(rank_)}; }
  void push_back(std::int64_t value);

  friend bool operator==(const Dims& a, const Dims& b);

 private:
  std::array<std::int64_t, kMaxRank> values_{};
  int rank_ = 0;
};

/// The sizes of a tensor, outermost first; rank 0 is a scalar, a size may be zero.
class Shape : public Dims {
 public:
  using Dims::Dims;
  explicit Shape(const Dims& dims) : Dims(dims) {}

  /// Product of the sizes; 1 for a scalar. Throws Error if it overflows 63 bits or a size is negative.
  std::int64_t elements() const;
  /// Product of the sizes of axes [first, last).
  std::int64_t elements(int first, int last) const;
  /// The same shape with one axis replaced, removed or inserted.
  Shape with(int axis, std::int64_t size) const;
  Shape without(int axis) const;
  Shape inserted(int axis, std::int64_t size) const;
};

/// Turns a negative axis into its counterpart; outside [-rank, rank) is an Error that names `actor`.
int normalize_axis(std::int64_t axis, int rank, const char* actor);
/// The shape that two operands broadcast to under NumPy's rules; an Error that shows both if they don't.
Shape broadcast(const Shape& a, const Shape& b);

/// [2, 3, 4]
std::ostream& operator<<(std::ostream& out, const Dims& dims);

}  // namespace slipway
