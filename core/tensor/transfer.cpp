#include <algorithm>
#include <cstring>

#include "core/tensor/device_backend.h"
#include "core/tensor/element.h"
#include "core/tensor/tensor.h"

namespace slipway {
namespace {

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

void copy_on_host(const TensorView& from, const TensorView& to) {
  if (from.type == to.type && to.type.is_dense()) {
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
      copy_each([&](auto* b, auto* a) { store_element(b, to.dtype(), load_element(a, from.dtype())); });
    else if (to.dtype() == DType::float32)
      copy_each([](auto* b, auto* a) { std::memcpy(b, a, sizeof(float)); });
    else
      copy_each([bytes = size_of(to.dtype())](auto* b, auto* a) { std::memcpy(b, a, bytes); });
  });
}

/// The memory of a value, gaps included, from one device to another.
void copy_memory(const Stream& stream, const TensorView& from, const TensorView& to) {
  const Device device = stream.device;
  require((from.device == device || from.device.is_host()) && (to.device == device || to.device.is_host()),
          "cannot copy from ", to_string(from.device), " to ", to_string(to.device), " in a stream of ",
          to_string(device));
  const ByteCopy copy{.from = from.data, .to = to.data, .bytes = to.type.bytes()};
  if (copy.bytes == 0 || copy.from == copy.to) return;
  DeviceBackend& backend = device_backend(device);
  if (from.device == to.device && from.device == device)
    backend.copy(stream, copy);
  else if (to.device == device)
    backend.upload(stream, copy);
  else if (from.device == device)
    backend.download(stream, copy);
  else
    std::memcpy(copy.to, copy.from, copy.bytes);
}

}  // namespace

void copy_elements(const TensorView& from, const TensorView& to) {
  require(from.shape() == to.shape(), "cannot copy ", from.type, " to ", to.type);
  if (to.elements() == 0) return;
  if (from.device.is_host() && to.device.is_host()) return copy_on_host(from, to);
  if (!from.device.is_host()) {
    const Stream stream{.device = from.device};
    if (from.device == to.device && from.type == to.type && to.type.is_dense())
      return copy_memory(stream, from, to);
    const Tensor host(from.type);
    copy_memory(stream, from, host);
    return copy_elements(host, to);
  }
  const Stream stream{.device = to.device};
  if (from.type == to.type && to.type.is_dense()) return copy_memory(stream, from, to);
  const Tensor host(to.type);
  if (!to.type.is_dense()) copy_memory(stream, to, host);  // what lies in the gaps stays
  copy_on_host(from, host);
  copy_memory(stream, host, to);
}

void enqueue_copy(const Stream& stream, const TensorView& from, const TensorView& to) {
  require(from.type == to.type && to.type.is_dense(), "cannot copy the memory of ", from.type, " to ",
          to.type);
  copy_memory(stream, from, to);
}

void enqueue_zeros(const Stream& stream, const TensorView& to) {
  require(to.type.is_dense() && to.device == stream.device, "cannot zero ", to.type, " on ",
          to_string(to.device), " in a stream of ", to_string(stream.device));
  if (to.type.bytes() > 0) device_backend(stream.device).zero(stream, to.data, to.type.bytes());
}

void synchronize(const Stream& stream) { device_backend(stream.device).synchronize(stream); }

}  // namespace slipway
