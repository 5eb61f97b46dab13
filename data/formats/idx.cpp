#include "data/formats/idx.h"

#include <bit>
#include <cstring>

#include "data/formats/bytes.h"

namespace slipway {
namespace {

struct ElementType {
  DType dtype;
  std::size_t bytes;  // in the file
};

ElementType element_type(std::uint8_t code, const std::string& name) {
  switch (code) {
    case 0x08:
      return {DType::uint8, 1};
    case 0x09:
      return {DType::int8, 1};
    case 0x0B:
      return {DType::int32, 2};
    case 0x0C:
      return {DType::int32, 4};
    case 0x0D:
      return {DType::float32, 4};
    case 0x0E:
      return {DType::float64, 8};
    default:
      throw UserError(text(name, ": byte 2: element type ", int{code}, ", expected 8, 9, 11, 12, 13 or 14"));
  }
}

/// Big-endian elements of unsigned type Stored, as T of the same bits; or of int16 as int32.
template <class Stored, class T>
void convert(Bytes from, std::span<T> to) {
  for (std::size_t i = 0; i < to.size(); ++i) {
    Stored bits = 0;
    for (std::size_t k = 0; k < sizeof(Stored); ++k) {
      bits = static_cast<Stored>(bits << 8 | std::to_integer<Stored>(from[i * sizeof(Stored) + k]));
    }
    if constexpr (sizeof(Stored) == sizeof(T)) {
      to[i] = std::bit_cast<T>(bits);
    } else {
      to[i] = static_cast<std::int16_t>(bits);
    }
  }
}

struct Header {
  ElementType element;
  Shape shape;
  std::size_t bytes;  // of the elements
};

Header parse_header(ByteReader& reader) {
  const std::string& name = reader.name();
  const std::uint8_t zero = reader.u8("the magic number"), zero_too = reader.u8("the magic number");
  require_user(zero == 0 && zero_too == 0, name,
               ": byte 0: not an IDX file, which starts with two zero bytes");
  Header header{.element = element_type(reader.u8("the element type"), name), .shape = {}, .bytes = 0};
  const int rank = reader.u8("the rank");
  require_user(rank >= 1 && rank < kMaxRank, name, ": byte 3: rank ", rank, ", expected 1 to ", kMaxRank - 1);
  header.bytes = header.element.bytes;
  for (int axis = 0; axis < rank; ++axis) {
    const std::uint32_t size = reader.big_endian_u32("a size");
    require_user(size > 0, name, ": byte ", reader.position() - 4, ": a size of 0, expected at least 1");
    const bool overflow = __builtin_mul_overflow(header.bytes, std::size_t{size}, &header.bytes);
    require_user(!overflow && header.bytes <= (std::size_t{1} << 62), name, ": byte ", reader.position() - 4,
                 ": sizes whose product no memory can hold");
    header.shape.push_back(size);
  }
  return header;
}

}  // namespace

Tensor parse_idx(const Tensor& file, const std::string& name) {
  ByteReader reader(bytes_of(file), name);
  const auto [element, shape, bytes] = parse_header(reader);
  const std::size_t start = reader.position();
  const Bytes elements = reader.take(bytes, "the data");
  require_user(reader.remaining() == 0, name, ": byte ", reader.position(), ": shape ", shape,
               " ends here, but ", reader.remaining(), " bytes follow");
  if (element.bytes == 1) return file.shared(ValueType(element.dtype, shape), start);
  Tensor result(element.dtype, shape);
  if (element.bytes == 2)
    convert<std::uint16_t>(elements, result.as<std::int32_t>());
  else if (element.dtype == DType::int32)
    convert<std::uint32_t>(elements, result.as<std::int32_t>());
  else if (element.dtype == DType::float32)
    convert<std::uint32_t>(elements, result.as<float>());
  else
    convert<std::uint64_t>(elements, result.as<double>());
  return result;
}

Tensor read_idx(const std::string& path) { return parse_idx(read_file(path), path); }

ValueType read_idx_type(const std::string& path) {
  constexpr std::size_t kLongest = 4 + 4 * kMaxRank;
  const Tensor start = read_file(path, kLongest);
  ByteReader reader(bytes_of(start), path);
  const Header header = parse_header(reader);
  return {header.element.dtype, header.shape};
}

}  // namespace slipway
