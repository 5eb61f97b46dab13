#include "core/tensor/tensor.h"

#include <cstring>
#include <ostream>

#include "core/tensor/element.h"

namespace slipway {
namespace {

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

}  // namespace

std::ostream& operator<<(std::ostream& out, const ValueType& type) {
  out << type.dtype << type.shape;
  return type.is_row_major() ? out : out << '{' << to_string(type.layout, type.shape) << '}';
}

void TensorView::check_access(DType requested) const {
  require(type.dtype == requested, "a ", type.dtype, " tensor was accessed as ", requested);
  require(type.is_row_major(), "a tensor of type ", type, " was accessed as if it were row-major");
  require(device.is_host(), "a tensor on ", to_string(device),
          " was accessed from the host; copy it there first");
}

TensorView TensorView::reshaped(const Shape& shape) const {
  require(type.is_row_major(), "reshape needs a row-major value, got ", type);
  require(shape.elements() == elements(), "cannot reshape ", type, " to ", shape);
  return {data, ValueType(type.dtype, shape), device};
}

TensorView TensorView::slice(int axis, std::int64_t begin, std::int64_t end) const {
  require(!type.layout.is_blocked(), "cannot slice the blocked value ", type);
  require(axis >= 0 && axis < shape().rank() && 0 <= begin && begin <= end && end <= shape()[axis], "slice [",
          begin, ", ", end, ") of axis ", axis, " is outside ", type);
  const std::int64_t offset = begin * type.layout.strides()[axis];
  return {data + offset * static_cast<std::int64_t>(size_of(type.dtype)),
          ValueType(type.dtype, shape().with(axis, end - begin), type.layout), device};
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
  return {data, ValueType(type.dtype, sizes, Layout::strided(strides)), device};
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
    for (std::size_t at = 0; at < bytes; at += step) store_element(tensor.buffer_.data() + at, dtype, value);
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
  require(device().is_host(), "a tensor on ", to_string(device()),
          " was accessed from the host; copy it there first");
  return load_element(view().data + type_.layout.offset(index) * static_cast<std::int64_t>(size_of(dtype())),
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

Tensor Tensor::to(Device device) const {
  Tensor copy(dtype(), shape(), device);
  copy_elements(*this, copy);
  return copy;
}

Tensor Tensor::cast(DType dtype) const {
  Tensor copy(dtype, shape(), device());
  copy_elements(*this, copy);
  return copy;
}

std::ostream& operator<<(std::ostream& out, const Tensor& tensor) {
  Dims index = Dims::filled(tensor.shape().rank(), 0);
  out << tensor.type() << ' ';
  print(out, tensor, index, 0);
  return out;
}

}  // namespace slipway
