#include <algorithm>
#include <optional>

#include "core/io/hdf5_library.h"

namespace slipway::hdf5 {
namespace {

Handle copy_of(hid_t type) { return acquire(H5Tcopy(type), H5Tclose, "hdf5: no copy of a type"); }

Handle half_type() {
  Handle type = copy_of(H5T_IEEE_F32LE);
  // Sign, exponent and mantissa of IEEE binary16, as h5py makes it.
  succeed(H5Tset_fields(type.id(), 15, 10, 5, 0, 10), "hdf5: no half type");
  succeed(H5Tset_size(type.id(), 2), "hdf5: no half type");
  succeed(H5Tset_ebias(type.id(), 15), "hdf5: no half type");
  return type;
}

/// h5py's bool: an enumeration of one byte.
Handle bool_type() {
  Handle type = acquire(H5Tenum_create(H5T_STD_I8LE), H5Tclose, "hdf5: no bool type");
  const std::int8_t no = 0, yes = 1;
  succeed(H5Tenum_insert(type.id(), "FALSE", &no), "hdf5: no bool type");
  succeed(H5Tenum_insert(type.id(), "TRUE", &yes), "hdf5: no bool type");
  return type;
}

bool same(hid_t a, hid_t b) { return H5Tequal(a, b) > 0; }

bool is_half(hid_t type) {
  Handle half = half_type();
  if (same(type, half.id())) return true;
  succeed(H5Tset_order(half.id(), H5T_ORDER_BE), "hdf5: no half type");
  return same(type, half.id());
}

std::optional<DType> float_dtype(hid_t type) {
  if (same(type, H5T_IEEE_F32LE) || same(type, H5T_IEEE_F32BE)) return DType::float32;
  if (same(type, H5T_IEEE_F64LE) || same(type, H5T_IEEE_F64BE)) return DType::float64;
  if (is_half(type)) return DType::float16;
  return std::nullopt;
}

std::optional<DType> integer_dtype(hid_t type) {
  const std::size_t size = H5Tget_size(type);
  const bool is_signed = H5Tget_sign(type) == H5T_SGN_2;
  switch (size) {
    case 1:
      return is_signed ? DType::int8 : DType::uint8;
    case 2:
      return DType::int32;
    case 4:
      return is_signed ? DType::int32 : DType::int64;
    case 8:
      return DType::int64;
    default:
      return std::nullopt;
  }
}

}  // namespace

Handle stored_type(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return copy_of(H5T_IEEE_F32LE);
    case DType::float64:
      return copy_of(H5T_IEEE_F64LE);
    case DType::float16:
      return half_type();
    case DType::bfloat16:
      return copy_of(H5T_STD_U16LE);
    case DType::int8:
      return copy_of(H5T_STD_I8LE);
    case DType::uint8:
      return copy_of(H5T_STD_U8LE);
    case DType::int32:
      return copy_of(H5T_STD_I32LE);
    case DType::int64:
      return copy_of(H5T_STD_I64LE);
    case DType::boolean:
      return bool_type();
  }
  __builtin_unreachable();
}

std::optional<DType> dtype_of_stored(std::int64_t type) {
  switch (H5Tget_class(type)) {
    case H5T_FLOAT:
      return float_dtype(type);
    case H5T_INTEGER:
      return integer_dtype(type);
    case H5T_ENUM:
      return same(type, bool_type().id()) ? std::optional(DType::boolean) : std::nullopt;
    default:
      return std::nullopt;
  }
}

Handle string_type(std::size_t bytes) {
  Handle type = copy_of(H5T_C_S1);
  succeed(H5Tset_size(type.id(), std::max<std::size_t>(bytes, 1)), "hdf5: no string type");
  succeed(H5Tset_strpad(type.id(), H5T_STR_NULLPAD), "hdf5: no string type");
  succeed(H5Tset_cset(type.id(), H5T_CSET_UTF8), "hdf5: no string type");
  return type;
}

std::string without_padding(std::string value, H5T_str_t padding) {
  if (padding == H5T_STR_NULLTERM) {
    value.resize(std::min(value.find('\0'), value.size()));
  } else {
    const std::size_t last = value.find_last_not_of(padding == H5T_STR_SPACEPAD ? ' ' : '\0');
    value.resize(last == std::string::npos ? 0 : last + 1);
  }
  return value;
}

Handle simple_space(std::span<const std::int64_t> sizes) {
  if (sizes.empty()) return acquire(H5Screate(H5S_SCALAR), H5Sclose, "hdf5: no dataspace");
  const std::vector<hsize_t> dims(sizes.begin(), sizes.end());
  return acquire(H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr), H5Sclose,
                 "hdf5: no dataspace");
}

}  // namespace slipway::hdf5
