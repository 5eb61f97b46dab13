#include "core/tensor/tensor.h"

#include <cstring>
#include <ostream>

#include "core/base/convert.h"

namespace slipway {
namespace {

double load(const std::byte* at, DType dtype) {
  return visit_dtype(dtype, [&]<class T>() {
    T value;
    std::memcpy(&value, at, sizeof value);
    return convert<double>(value);
  });
}

void store(std::byte* at, DType dtype, double value) {
  visit_dtype(dtype, [&]<class T>() {
    const T converted = convert<T>(value);
    std::memcpy(at, &converted, sizeof converted);
  });
}

void print(std::ostream& out, const Tensor& tensor, Dims& index, int axis) {
  constexpr std::int64_t kEdge = 3;
  if (axis == tensor.shape().rank()) {
    if (tensor.dtype() == DType::boolean)
      out << (tensor.at(index) != 0 ? "true" : "false");
    else
      out << tensor.at(index);
    return;
  }
  out << '[';
  const std::int64_t size = tensor.shape()[axis];
  for (std::int64_t i = 0; i < size; ++i) {
    if (size > 2 * kEdge + 1 && i == kEdge) {
      out << ", ...";
      i = size - kEdge - 1;
      continue;
    }
    if (i > 0) out << ", ";
    index[axis] = i;
    print(out, tensor, index, axis + 1);
  }
  out << ']';
}

std::int64_t byte_offset(const ValueType& type, const Dims& index) {
  return type.layout.offset(index) * static_cast<std::int64_t>(size_of(type.dtype));
}

/// The first of the last axes to make one table for: enough indices that the rest is quick, but not too many.
int first_tabled_axis(const Shape& shape) {
  constexpr std::int64_t kEnough = 256, kTooMany = 1 << 16;
  int first = shape.rank();
  while (first > 0 && shape.elements(first, shape.rank()) < kEnough &&
         shape.elements(first - 1, shape.rank()) <= kTooMany)
    --first;
  return first;
}

/// The byte offset of every index of the axes from `first` on. A layout's offset is the sum of those along
/// its axes, so that the others only move the whole table.
std::vector<std::int64_t> tabled_offsets(const ValueType& type, int first) {
  std::vector<std::int64_t> offsets;
  Dims index = Dims::filled(type.shape.rank(), 0);
  for_each_index(Shape(type.shape.span().subspan(static_cast<std::size_t>(first))), [&](const Dims& tabled) {
    for (int axis = 0; axis < tabled.rank(); ++axis) index[first + axis] = tabled[axis];
    offsets.push_back(byte_offset(type, index));
  });
  return offsets;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const ValueType& type) {
  out << type.dtype << type.shape;
  return type.is_row_major() ? out : out << '{' << to_string(type.layout, type.shape) << '}';
}

void TensorView::check_access(DType requested) const {
  require(type.dtype == requested, "a ", type.dtype, " tensor was accessed as ", requested);
  require(type.is_row_major(), "a tensor of type ", type, " was accessed as if it were row-major");
}

TensorView TensorView::reshaped(const Shape& shape) const {
  require(type.is_row_major(), "reshape needs a row-major value, got ", type);
  require(shape.elements() == elements(), "cannot reshape ", type, " to ", shape);
  return {data, ValueType(type.dtype, shape)};
}

TensorView TensorView::slice(int axis, std::int64_t begin, std::int64_t end) const {
  require(!type.layout.is_blocked(), "cannot slice the blocked value ", type);
  require(axis >= 0 && axis < shape().rank() && 0 <= begin && begin <= end && end <= shape()[axis], "slice [",
          begin, ", ", end, ") of axis ", axis, " is outside ", type);
  const std::int64_t offset = begin * type.layout.strides()[axis];
  return {data + offset * static_cast<std::int64_t>(size_of(type.dtype)),
          ValueType(type.dtype, shape().with(axis, end - begin), type.layout)};
}

TensorView TensorView::transposed(const Dims& order) const {
  require(!type.layout.is_blocked() && order.rank() == shape().rank(), "cannot transpose ", type, " by ",
          order);
  Shape sizes = shape();
  Dims strides = type.layout.strides();
  std::uint32_t seen = 0;
  for (int i = 0; i < order.rank(); ++i) {
    const int axis = normalize_axis(order[i], order.rank(), "transpose");
    seen |= 1u << axis;
    sizes[i] = shape()[axis];
    strides[i] = type.layout.strides()[axis];
  }
  require(seen == (1u << order.rank()) - 1, "transpose: ", order, " is not a permutation of the axes");
  return {data, ValueType(type.dtype, sizes, Layout::strided(strides))};
}

Tensor::Tensor(const ValueType& type, Device device)
    : type_(type), buffer_(device, type.bytes()), defined_(true) {}

Tensor Tensor::zeros(DType dtype, const Shape& shape) { return full(dtype, shape, 0); }

Tensor Tensor::full(DType dtype, const Shape& shape, double value) {
  Tensor tensor(dtype, shape);
  const std::size_t step = size_of(dtype), bytes = tensor.type_.bytes();
  if (value == 0 && bytes > 0) {
    std::memset(tensor.buffer_.data(), 0, bytes);
  } else {
    for (std::size_t at = 0; at < bytes; at += step) store(tensor.buffer_.data() + at, dtype, value);
  }
  return tensor;
}

double Tensor::item() const {
  require(elements() == 1, "item() needs a tensor of one element, got ", type_);
  return at(Dims::filled(shape().rank(), 0));
}

double Tensor::at(const Dims& index) const {
  require(index.rank() == shape().rank(), "index ", index, " does not fit ", type_);
  for (int axis = 0; axis < index.rank(); ++axis) {
    require(index[axis] >= 0 && index[axis] < shape()[axis], "index ", index, " is outside ", type_);
  }
  return load(view().data + type_.layout.offset(index) * static_cast<std::int64_t>(size_of(dtype())),
              dtype());
}

Tensor Tensor::shared(const ValueType& type, std::size_t byte_offset) const {
  require(offset_ + byte_offset + type.bytes() <= buffer_.bytes(), "a view of type ", type, " at byte ",
          byte_offset, " exceeds its tensor of type ", type_);
  Tensor result = *this;
  result.type_ = type;
  result.offset_ += byte_offset;
  return result;
}

Tensor Tensor::reshaped(const Shape& shape) const { return shared(view().reshaped(shape).type); }

Tensor Tensor::slice(int axis, std::int64_t begin, std::int64_t end) const {
  const TensorView part = view().slice(axis, begin, end);
  return shared(part.type, static_cast<std::size_t>(part.data - view().data));
}

Tensor Tensor::clone() const {
  Tensor copy(dtype(), shape(), device());
  copy_elements(*this, copy);
  return copy;
}

Tensor Tensor::cast(DType dtype) const {
  Tensor copy(dtype, shape(), device());
  copy_elements(*this, copy);
  return copy;
}

void copy_elements(const TensorView& from, const TensorView& to) {
  require(from.shape() == to.shape(), "cannot copy ", from.type, " to ", to.type);
  if (to.elements() == 0) return;
  if (from.type == to.type) {
    std::memcpy(to.data, from.data, to.type.bytes());
    return;
  }
  if (to.type.layout.is_blocked()) std::memset(to.data, 0, to.type.bytes());
  const int first = first_tabled_axis(to.shape());
  const std::vector<std::int64_t> sources = tabled_offsets(from.type, first);
  const std::vector<std::int64_t> targets = tabled_offsets(to.type, first);
  Dims index = Dims::filled(to.shape().rank(), 0);
  for_each_index(Shape(to.shape().span().first(static_cast<std::size_t>(first))), [&](const Dims& outer) {
    std::copy(outer.begin(), outer.end(), &index[0]);
    const std::byte* source = from.data + byte_offset(from.type, index);
    std::byte* target = to.data + byte_offset(to.type, index);
    const auto copy_each = [&](auto&& copy) {
      for (std::size_t i = 0; i < targets.size(); ++i) copy(target + targets[i], source + sources[i]);
    };
    if (from.dtype() != to.dtype())
      copy_each([&](auto* b, auto* a) { store(b, to.dtype(), load(a, from.dtype())); });
    else if (to.dtype() == DType::float32)
      copy_each([](auto* b, auto* a) { std::memcpy(b, a, sizeof(float)); });
    else
      copy_each([bytes = size_of(to.dtype())](auto* b, auto* a) { std::memcpy(b, a, bytes); });
  });
}

std::ostream& operator<<(std::ostream& out, const Tensor& tensor) {
  Dims index = Dims::filled(tensor.shape().rank(), 0);
  out << tensor.type() << ' ';
  print(out, tensor, index, 0);
  return out;
}

}  // namespace slipway
