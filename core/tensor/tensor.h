#pragma once

#include <iosfwd>
#include <span>
#include <vector>

#include "core/base/dtype.h"
#include "core/base/error.h"
#include "core/base/shape.h"
#include "core/tensor/device.h"
#include "core/tensor/layout.h"

namespace slipway {

/// What a value is: element type, sizes, and placement in memory.
struct ValueType {
  DType dtype = DType::float32;
  Shape shape;
  Layout layout;

  ValueType() = default;
  /// Row-major.
  ValueType(DType dtype, Shape shape) : dtype(dtype), shape(shape), layout(Layout::row_major(shape)) {}
  ValueType(DType dtype, Shape shape, Layout layout) : dtype(dtype), shape(shape), layout(layout) {}

  std::int64_t elements() const { return shape.elements(); }
  /// Bytes that the value takes in memory, padding included.
  std::size_t bytes() const { return static_cast<std::size_t>(layout.extent(shape)) * size_of(dtype); }
  bool is_row_major() const { return layout.is_row_major(shape); }
  /// Whether nothing but elements and blocked padding lies between the first and the last.
  bool is_dense() const { return layout.is_blocked() || layout.extent(shape) == elements(); }
  friend bool operator==(const ValueType&, const ValueType&) = default;
};
/// float32[2, 3] or float32[2, 16, 8, 8]{aBcd16b}
std::ostream& operator<<(std::ostream& out, const ValueType& type);

/// Borrows memory: a pointer, what lies there, and on which device.
struct TensorView {
  std::byte* data = nullptr;
  ValueType type;
  Device device = {};

  DType dtype() const { return type.dtype; }
  const Shape& shape() const { return type.shape; }
  std::int64_t elements() const { return type.elements(); }

  /// The elements of a row-major view on the host; Error if T is not its dtype, or it lies elsewhere.
  template <class T>
  std::span<T> as() const {
    check_access(dtype_of<T>);
    return {reinterpret_cast<T*>(data), static_cast<std::size_t>(elements())};
  }
  /// A pointer to the first element, whatever the layout and device, for kernels; the dtype is checked.
  template <class T>
  T* pointer() const {
    require(type.dtype == dtype_of<T>, "a ", type.dtype, " tensor was accessed as ", dtype_of<T>);
    return reinterpret_cast<T*>(data);
  }

  /// Views on the same memory; Error if the shapes don't fit or the layout forbids it.
  TensorView reshaped(const Shape& shape) const;
  TensorView slice(int axis, std::int64_t begin, std::int64_t end) const;
  TensorView transposed(const Dims& order) const;

 private:
  void check_access(DType requested) const;
};

/// Owns a value on a device. Copies share memory; clone() makes an independent one. Elements can be looked at
/// on the host only: an Error says so.
class Tensor {
 public:
  Tensor() = default;
  /// Undefined contents.
  explicit Tensor(const ValueType& type, Device device = {});
  Tensor(DType dtype, const Shape& shape, Device device = {}) : Tensor(ValueType(dtype, shape), device) {}
  static Tensor zeros(DType dtype, const Shape& shape);
  /// `value` is converted by convert() of core/base/convert.h: what an integer cannot hold becomes its
  /// nearest.
  static Tensor full(DType dtype, const Shape& shape, double value);
  /// Row-major from host values: Tensor::of<float>({2, 2}, {1, 2, 3, 4}).
  template <class T>
  static Tensor of(const Shape& shape, const std::vector<T>& values) {
    Tensor tensor(dtype_of<T>, shape);
    require(values.size() == static_cast<std::size_t>(shape.elements()), "shape ", shape, " needs ",
            shape.elements(), " values, got ", values.size());
    std::copy(values.begin(), values.end(), reinterpret_cast<T*>(tensor.buffer_.data()));
    return tensor;
  }
  template <class T>
  static Tensor scalar(T value) {
    return of<T>(Shape{}, {value});
  }

  const ValueType& type() const { return type_; }
  DType dtype() const { return type_.dtype; }
  const Shape& shape() const { return type_.shape; }
  std::int64_t elements() const { return type_.elements(); }
  Device device() const { return buffer_.device(); }
  bool defined() const { return defined_; }

  TensorView view() const { return {buffer_.data() + offset_, type_, device()}; }
  operator TensorView() const { return view(); }
  /// The elements of a row-major host tensor of dtype T.
  template <class T>
  std::span<T> as() const {
    return view().as<T>();
  }
  /// The only element of a one-element tensor, converted to double.
  double item() const;
  /// The element at an index, converted to double; bounds-checked, any layout.
  double at(const Dims& index) const;

  /// A view that shares this tensor's memory and keeps it alive.
  Tensor shared(const ValueType& type, std::size_t byte_offset = 0) const;
  Tensor reshaped(const Shape& shape) const;
  Tensor slice(int axis, std::int64_t begin, std::int64_t end) const;
  /// A row-major copy, on another device or on the same. It waits for what is enqueued on either.
  Tensor to(Device device) const;
  Tensor clone() const { return to(device()); }
  Tensor cast(DType dtype) const;

 private:
  ValueType type_;
  Buffer buffer_;
  std::size_t offset_ = 0;
  bool defined_ = false;
};

/// Copies element by element between any two devices, layouts and dtypes of equal shape. Blocked padding of
/// the destination is zeroed. It waits for what is enqueued on either device. For set-up and tests; a step
/// uses kernels and enqueue_copy.
void copy_elements(const TensorView& from, const TensorView& to);
/// Enqueues a copy of a dense value to another place of the same type, on the stream's device, to it or from
/// it. Host memory that was read may be overwritten on return; host memory that is written is there on
/// return, so that this direction waits.
void enqueue_copy(const Stream& stream, const TensorView& from, const TensorView& to);
/// Enqueues zeros for a dense value on the stream's device.
void enqueue_zeros(const Stream& stream, const TensorView& to);
/// Waits for everything enqueued in a stream, and reports what went wrong there.
void synchronize(const Stream& stream);
/// Calls `visit(index)` for every index of a shape, last axis fastest.
template <class Visit>
void for_each_index(const Shape& shape, Visit&& visit) {
  if (shape.elements() == 0) return;
  Dims index = Dims::filled(shape.rank(), 0);
  for (;;) {
    visit(static_cast<const Dims&>(index));
    int axis = shape.rank() - 1;
    while (axis >= 0 && ++index[axis] == shape[axis]) index[axis--] = 0;
    if (axis < 0) return;
  }
}

/// Type, then values nested in brackets; long axes are abridged to the first and last three.
std::ostream& operator<<(std::ostream& out, const Tensor& tensor);

}  // namespace slipway
