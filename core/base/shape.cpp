#include "core/base/shape.h"

#include <algorithm>
#include <ostream>

#include "core/base/error.h"

namespace slipway {

Dims::Dims(std::span<const std::int64_t> values) : rank_(static_cast<int>(values.size())) {
  require(values.size() <= kMaxRank, "a tensor has at most ", kMaxRank, " dimensions, got ", values.size());
  std::copy(values.begin(), values.end(), values_.begin());
}

Dims Dims::filled(int rank, std::int64_t value) {
  Dims dims;
  for (int i = 0; i < rank; ++i) dims.push_back(value);
  return dims;
}

void Dims::push_back(std::int64_t value) {
  require(rank_ < kMaxRank, "a tensor has at most ", kMaxRank, " dimensions");
  values_[static_cast<std::size_t>(rank_++)] = value;
}

bool operator==(const Dims& a, const Dims& b) {
  return a.rank_ == b.rank_ && std::equal(a.begin(), a.end(), b.begin());
}

std::int64_t Shape::elements() const { return elements(0, rank()); }

std::int64_t Shape::elements(int first, int last) const {
  std::int64_t product = 1;
  for (int axis = first; axis < last; ++axis) {
    const std::int64_t size = (*this)[axis];
    require(size >= 0 && !__builtin_mul_overflow(product, size, &product), "shape ", *this,
            " has no representable number of elements");
  }
  return product;
}

Shape Shape::with(int axis, std::int64_t size) const {
  Shape result = *this;
  result[axis] = size;
  return result;
}

Shape Shape::without(int axis) const {
  Shape result;
  for (int i = 0; i < rank(); ++i) {
    if (i != axis) result.push_back((*this)[i]);
  }
  return result;
}

Shape Shape::inserted(int axis, std::int64_t size) const {
  Shape result;
  for (int i = 0; i < rank(); ++i) {
    if (i == axis) result.push_back(size);
    result.push_back((*this)[i]);
  }
  if (axis == rank()) result.push_back(size);
  return result;
}

int normalize_axis(std::int64_t axis, int rank, const char* actor) {
  require(axis >= -rank && axis < rank, actor, ": axis ", axis, " is outside a value of rank ", rank);
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

Shape broadcast(const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  Shape result(Dims::filled(rank, 1));
  for (int i = 1; i <= rank; ++i) {
    const std::int64_t x = i <= a.rank() ? a[a.rank() - i] : 1;
    const std::int64_t y = i <= b.rank() ? b[b.rank() - i] : 1;
    require(x == y || x == 1 || y == 1, "shapes ", a, " and ", b, " do not broadcast");
    result[rank - i] = x == 1 ? y : x;
  }
  return result;
}

std::ostream& operator<<(std::ostream& out, const Dims& dims) {
  out << '[';
  for (int i = 0; i < dims.rank(); ++i) out << (i ? ", " : "") << dims[i];
  return out << ']';
}

}  // namespace slipway
