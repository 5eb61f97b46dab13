#include <algorithm>

#include "core/io/hdf5_library.h"

namespace slipway::hdf5 {
namespace {

constexpr std::size_t kAttributeLimit = 16 << 20;  // bytes

herr_t collect_name(hid_t, const char* name, const H5A_info_t*, void* names) noexcept {
  try {
    static_cast<std::vector<std::string>*>(names)->emplace_back(name);
    return 0;
  } catch (...) {
    return -1;
  }
}

struct Attribute {
  Handle handle, type, space;
};

/// Opens an attribute that holds one value.
Attribute open_attribute(hid_t object, std::string_view name, const std::string& actor) {
  const std::string checked = checked_name(name, actor);
  require_user(H5Aexists(object, checked.c_str()) > 0, actor, ": there is no attribute '", name, "'");
  const hid_t id = H5Aopen(object, checked.c_str(), H5P_DEFAULT);
  if (id < 0) throw UserError(text(actor, ": attribute '", name, "' cannot be opened", library_error()));
  Attribute attribute{.handle = Handle(id, H5Aclose),
                      .type = acquire(H5Aget_type(id), H5Tclose, actor, ": '", name, "' has no type"),
                      .space = acquire(H5Aget_space(id), H5Sclose, actor, ": '", name, "' has no size")};
  require_user(H5Sget_simple_extent_npoints(attribute.space.id()) == 1 &&
                   H5Tget_size(attribute.type.id()) <= kAttributeLimit,
               actor, ": attribute '", name, "' holds a list or too much, expected one value");
  return attribute;
}

void write_attribute(hid_t object, std::string_view name, hid_t type, const void* value,
                     const std::string& actor) {
  const std::string checked = checked_name(name, actor);
  if (H5Aexists(object, checked.c_str()) > 0)
    succeed(H5Adelete(object, checked.c_str()), actor, ": cannot replace the attribute '", name, "'");
  const Handle attribute =
      acquire(H5Acreate2(object, checked.c_str(), type, simple_space({}).id(), H5P_DEFAULT, H5P_DEFAULT),
              H5Aclose, actor, ": cannot make the attribute '", name, "'");
  succeed(H5Awrite(attribute.id(), type, value), actor, ": cannot write the attribute '", name, "'");
}

}  // namespace

bool Object::has_attribute(std::string_view name) const {
  const Access access;
  return H5Aexists(id(), checked_name(name, describe()).c_str()) > 0;
}

std::vector<std::string> Object::attributes() const {
  const Access access;
  std::vector<std::string> names;
  hsize_t from = 0;
  if (H5Aiterate2(id(), H5_INDEX_NAME, H5_ITER_INC, &from, collect_name, &names) < 0)
    throw UserError(text(describe(), ": its attributes cannot be listed", library_error()));
  std::sort(names.begin(), names.end());
  return names;
}

std::string Object::string_attribute(std::string_view name) const {
  const Access access;
  const Attribute attribute = open_attribute(id(), name, describe());
  require_user(H5Tget_class(attribute.type.id()) == H5T_STRING, describe(), ": attribute '", name,
               "' is no string");
  if (H5Tis_variable_str(attribute.type.id()) > 0) {
    char* pointer = nullptr;
    if (H5Aread(attribute.handle.id(), attribute.type.id(), &pointer) < 0)
      throw UserError(text(describe(), ": attribute '", name, "' cannot be read", library_error()));
    std::string value = pointer == nullptr ? "" : pointer;
    H5Dvlen_reclaim(attribute.type.id(), attribute.space.id(), H5P_DEFAULT, &pointer);
    return value;
  }
  std::string value(H5Tget_size(attribute.type.id()), '\0');
  if (H5Aread(attribute.handle.id(), attribute.type.id(), value.data()) < 0)
    throw UserError(text(describe(), ": attribute '", name, "' cannot be read", library_error()));
  return without_padding(value, H5Tget_strpad(attribute.type.id()));
}

std::int64_t Object::integer_attribute(std::string_view name) const {
  const Access access;
  const Attribute attribute = open_attribute(id(), name, describe());
  std::int64_t value = 0;
  require_user(H5Tget_class(attribute.type.id()) == H5T_INTEGER &&
                   H5Aread(attribute.handle.id(), H5T_NATIVE_INT64, &value) >= 0,
               describe(), ": attribute '", name, "' is no integer");
  return value;
}

double Object::number_attribute(std::string_view name) const {
  const Access access;
  const Attribute attribute = open_attribute(id(), name, describe());
  const H5T_class_t kind = H5Tget_class(attribute.type.id());
  double value = 0;
  require_user((kind == H5T_INTEGER || kind == H5T_FLOAT) &&
                   H5Aread(attribute.handle.id(), H5T_NATIVE_DOUBLE, &value) >= 0,
               describe(), ": attribute '", name, "' is no number");
  return value;
}

void Object::set_attribute(std::string_view name, std::string_view value) {
  const Access access;
  std::string padded(value);
  padded.resize(std::max<std::size_t>(padded.size(), 1));
  write_attribute(id(), name, string_type(padded.size()).id(), padded.data(), describe());
}

void Object::set_attribute(std::string_view name, std::int64_t value) {
  const Access access;
  write_attribute(id(), name, H5T_NATIVE_INT64, &value, describe());
}

void Object::set_attribute(std::string_view name, double value) {
  const Access access;
  write_attribute(id(), name, H5T_NATIVE_DOUBLE, &value, describe());
}

}  // namespace slipway::hdf5
