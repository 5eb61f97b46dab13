#include <algorithm>

#include "core/io/hdf5_library.h"

namespace slipway::hdf5 {
namespace {

constexpr std::uint64_t kCompressionLimit = 1100;    // deflate packs at most 1032 bytes into one
constexpr std::uint64_t kUnwrittenLimit = 64 << 20;  // bytes that a file may claim without storing any
constexpr std::uint64_t kStringLimit = 64 << 20;
constexpr const char* kDTypeAttribute = "dtype";

H5T_conv_ret_t refuse_overflow(H5T_conv_except_t kind, hid_t, hid_t, void*, void*, void*) {
  return kind == H5T_CONV_EXCEPT_RANGE_HI || kind == H5T_CONV_EXCEPT_RANGE_LOW ? H5T_CONV_ABORT
                                                                               : H5T_CONV_UNHANDLED;
}

Handle type_of(hid_t dataset) {
  return acquire(H5Dget_type(dataset), H5Tclose, "hdf5: no type of a dataset");
}
Handle space_of(hid_t dataset) {
  return acquire(H5Dget_space(dataset), H5Sclose, "hdf5: no dataspace of a dataset");
}

Shape shape_of(hid_t space, const std::string& actor) {
  const int rank = H5Sget_simple_extent_type(space) == H5S_NULL ? -1 : H5Sget_simple_extent_ndims(space);
  require_user(rank >= 0 && rank <= kMaxRank, actor, ": ",
               rank < 0 ? "holds no array" : text("has ", rank, " axes"), ", expected an array of at most ",
               kMaxRank, " axes");
  hsize_t sizes[kMaxRank] = {};
  succeed(H5Sget_simple_extent_dims(space, sizes, nullptr), actor, ": has no readable size");
  Shape shape;
  for (int axis = 0; axis < rank; ++axis) {
    require_user(sizes[axis] <= std::uint64_t(INT64_MAX), actor, ": axis ", axis, " has ", sizes[axis],
                 " elements");
    shape.push_back(static_cast<std::int64_t>(sizes[axis]));
  }
  return shape;
}

/// Refuses what would read other files or load code, and what claims more than the file can hold.
void check_storage(hid_t dataset, std::int64_t elements, std::size_t element_bytes,
                   const std::string& actor) {
  const Handle creation =
      acquire(H5Dget_create_plist(dataset), H5Pclose, actor, ": has no readable storage description");
  require_user(H5Pget_layout(creation.id()) != H5D_VIRTUAL && H5Pget_external_count(creation.id()) == 0,
               actor, ": takes its data from other files, expected data of its own");
  const int filters = H5Pget_nfilters(creation.id());
  for (int i = 0; i < filters; ++i) {
    unsigned flags = 0;
    std::size_t values = 0;
    const int filter = H5Pget_filter2(creation.id(), static_cast<unsigned>(i), &flags, &values, nullptr, 0,
                                      nullptr, nullptr);
    require_user(filter > 0 && filter < H5Z_FILTER_RESERVED && H5Zfilter_avail(filter) > 0, actor,
                 ": is packed by filter ", filter, ", expected one of HDF5's own such as gzip");
  }
  hsize_t file_bytes = 0;
  const Handle file = acquire(H5Iget_file_id(dataset), H5Fclose, actor, ": has no file");
  succeed(H5Fget_filesize(file.id(), &file_bytes), actor, ": has no readable file size");
  const std::uint64_t stored = H5Dget_storage_size(dataset);
  const auto bytes = static_cast<unsigned __int128>(elements) * element_bytes;
  const auto limit =
      static_cast<unsigned __int128>(stored) * (filters > 0 ? kCompressionLimit : 1) + kUnwrittenLimit;
  require_user(stored <= file_bytes && bytes <= limit, actor, ": claims ", static_cast<double>(bytes),
               " bytes, of which the file holds ", std::min<std::uint64_t>(stored, file_bytes),
               "; it is damaged or incomplete");
}

}  // namespace

Dataset::Dataset(Handle handle, std::shared_ptr<const std::string> file, std::string path)
    : Object(std::move(handle), std::move(file), std::move(path)) {
  const Handle type = type_of(id());
  std::optional<DType> dtype = dtype_of_stored(type.id());
  require_user(dtype.has_value(), describe(),
               ": holds elements of a type that Slipway has no counterpart of, ",
               "expected numbers or bools");
  if (*dtype == DType::int32 && H5Tget_size(type.id()) == 2 && has_attribute(kDTypeAttribute) &&
      string_attribute(kDTypeAttribute) == to_string(DType::bfloat16))
    dtype = DType::bfloat16;
  const Shape shape = shape_of(space_of(id()).id(), describe());
  std::int64_t elements = 0;
  try {
    elements = shape.elements();
  } catch (const Error& error) {
    throw UserError(text(describe(), ": ", error.what()));
  }
  check_storage(id(), elements, std::max(size_of(*dtype), H5Tget_size(type.id())), describe());
  type_ = ValueType(*dtype, shape);
}

void Dataset::read_into(std::int64_t memory_space, std::int64_t file_space, const TensorView& into) const {
  const Handle transfer = acquire(H5Pcreate(H5P_DATASET_XFER), H5Pclose, "hdf5: no transfer list");
  succeed(H5Pset_type_conv_cb(transfer.id(), refuse_overflow, nullptr), "hdf5: no transfer list");
  const Handle type = stored_type(dtype());
  if (H5Dread(id(), type.id(), memory_space, file_space, transfer.id(), into.data) < 0)
    throw UserError(text(describe(), ": cannot be read as ", type_, library_error()));
  if (dtype() == DType::boolean) {  // a file may hold any byte
    auto* bytes = reinterpret_cast<unsigned char*>(into.data);
    std::transform(bytes, bytes + into.elements(), bytes, [](unsigned char byte) { return byte != 0; });
  }
}

Tensor Dataset::read() const {
  const Access access;
  const Tensor tensor(type_);
  if (tensor.elements() > 0) read_into(H5S_ALL, H5S_ALL, tensor);
  return tensor;
}

void Dataset::read_block(const Dims& start, const Dims& count, const TensorView& into) const {
  const Access access;
  const int rank = shape().rank();
  bool inside = start.rank() == rank && count.rank() == rank;
  for (int axis = 0; inside && axis < rank; ++axis)
    inside = start[axis] >= 0 && count[axis] >= 0 && start[axis] <= shape()[axis] - count[axis];
  require(inside, describe(), ": the block of ", count, " at ", start, " is outside ", shape());
  require(into.dtype() == dtype() && into.type.is_row_major() && into.elements() == Shape(count).elements(),
          describe(), ": a block of ", dtype(), count, " does not fit ", into.type);
  if (into.elements() == 0) return;
  const std::int64_t elements = into.elements();
  const Handle file_space = space_of(id()), memory_space = simple_space({&elements, 1});
  if (rank > 0) {
    const std::vector<hsize_t> first(start.begin(), start.end()), sizes(count.begin(), count.end());
    succeed(
        H5Sselect_hyperslab(file_space.id(), H5S_SELECT_SET, first.data(), nullptr, sizes.data(), nullptr),
        describe(), ": cannot select a block");
  }
  read_into(memory_space.id(), file_space.id(), into);
}

void Group::write(std::string_view name, const TensorView& value) {
  if (!value.type.is_row_major()) {
    const Tensor dense(value.dtype(), value.shape());
    copy_elements(value, dense);
    return write(name, dense.view());
  }
  const Access access;
  const Handle type = stored_type(value.dtype());
  Handle handle = create_dataset(name, type.id(), simple_space(value.shape().span()).id());
  if (value.elements() > 0)
    succeed(H5Dwrite(handle.id(), type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, value.data), describe(),
            ": cannot write '", name, "'");
  if (value.dtype() == DType::bfloat16)
    Dataset(std::move(handle), file(), child_path(name))
        .set_attribute(kDTypeAttribute, to_string(DType::bfloat16));
}

void Group::write_strings(std::string_view name, const std::vector<std::string>& values) {
  const Access access;
  const std::int64_t count = static_cast<std::int64_t>(values.size());
  std::size_t longest = 1;
  for (const std::string& value : values) longest = std::max(longest, value.size());
  std::string packed;
  for (const std::string& value : values) packed.append(value).append(longest - value.size(), '\0');
  const Handle type = string_type(longest);
  const Handle handle = create_dataset(name, type.id(), simple_space({&count, 1}).id());
  if (count > 0)
    succeed(H5Dwrite(handle.id(), type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, packed.data()), describe(),
            ": cannot write '", name, "'");
}

void Group::write_string(std::string_view name, std::string_view value) {
  const Access access;
  std::string padded(value);
  padded.resize(std::max<std::size_t>(padded.size(), 1));
  const Handle type = string_type(padded.size());
  const Handle handle = create_dataset(name, type.id(), simple_space({}).id());
  succeed(H5Dwrite(handle.id(), type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, padded.data()), describe(),
          ": cannot write '", name, "'");
}

std::vector<std::string> Group::read_strings(std::string_view name) const {
  const Access access;
  const Handle handle = open_dataset(name);
  const std::string actor = text(*file(), ":", child_path(name));
  const Handle type = type_of(handle.id()), space = space_of(handle.id());
  require_user(H5Tget_class(type.id()) == H5T_STRING, actor, ": holds no strings, expected strings");
  const Shape shape = shape_of(space.id(), actor);
  require_user(shape.rank() <= 1, actor, ": has ", shape.rank(),
               " axes, expected a string or a list of strings");
  const std::int64_t count = shape.elements();
  const std::size_t size = H5Tget_size(type.id());
  check_storage(handle.id(), count, size, actor);
  require_user(static_cast<unsigned __int128>(count) * size <= kStringLimit, actor, ": holds ", count,
               " strings of ", size, " bytes, which is more than any list of names");
  if (count == 0) return {};

  std::vector<std::string> values;
  if (H5Tis_variable_str(type.id()) > 0) {
    std::vector<char*> pointers(static_cast<std::size_t>(count));
    if (H5Dread(handle.id(), type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers.data()) < 0)
      throw UserError(text(actor, ": cannot be read as strings", library_error()));
    for (const char* pointer : pointers) values.emplace_back(pointer == nullptr ? "" : pointer);
    H5Dvlen_reclaim(type.id(), space.id(), H5P_DEFAULT, pointers.data());
  } else {
    const H5T_str_t padding = H5Tget_strpad(type.id());
    std::string packed(static_cast<std::size_t>(count) * size, '\0');
    if (H5Dread(handle.id(), type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, packed.data()) < 0)
      throw UserError(text(actor, ": cannot be read as strings", library_error()));
    for (std::int64_t i = 0; i < count; ++i)
      values.push_back(without_padding(packed.substr(static_cast<std::size_t>(i) * size, size), padding));
  }
  return values;
}

std::string Group::read_string(std::string_view name) const {
  std::vector<std::string> values = read_strings(name);
  require_user(values.size() == 1, describe(), ": '", name, "' holds ", values.size(),
               " strings, expected one");
  return std::move(values[0]);
}

}  // namespace slipway::hdf5
