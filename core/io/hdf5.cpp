#include "core/io/hdf5.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/nearest.h"
#include "core/io/atomic_file.h"
#include "core/io/hdf5_library.h"

namespace slipway::hdf5 {
namespace {

herr_t refuse_external_link(const char*, const char*, const char*, const char*, unsigned*, hid_t, void*) {
  return -1;
}

/// Follows hard and soft links, but never into another file.
Handle link_access() {
  Handle access = acquire(H5Pcreate(H5P_LINK_ACCESS), H5Pclose, "hdf5: no link access list");
  succeed(H5Pset_elink_cb(access.id(), refuse_external_link, nullptr), "hdf5: no link access list");
  return access;
}

Handle link_creation() {
  Handle creation = acquire(H5Pcreate(H5P_LINK_CREATE), H5Pclose, "hdf5: no link creation list");
  succeed(H5Pset_create_intermediate_group(creation.id(), 1), "hdf5: no link creation list");
  succeed(H5Pset_char_encoding(creation.id(), H5T_CSET_UTF8), "hdf5: no link creation list");
  return creation;
}

Handle file_access() { return acquire(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "hdf5: no file access list"); }

/// Whether every link of a path is there. The last one may lead nowhere.
bool path_exists(hid_t at, const std::string& path) {
  const Handle access = link_access();
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    if (path[slash - 1] != '/' && H5Lexists(at, path.substr(0, slash).c_str(), access.id()) <= 0)
      return false;
  }
  return H5Lexists(at, path.c_str(), access.id()) > 0;
}

herr_t collect_name(hid_t, const char* name, const H5L_info_t*, void* names) noexcept {
  try {
    static_cast<std::vector<std::string>*>(names)->emplace_back(name);
    return 0;
  } catch (...) {
    return -1;
  }
}

herr_t keep_innermost(unsigned depth, const H5E_error2_t* error, void* kept) noexcept {
  try {
    if (depth == 0 && error->desc != nullptr) *static_cast<std::string*>(kept) = text(": ", error->desc);
  } catch (...) {
    return -1;
  }
  return 0;
}

}  // namespace

std::recursive_mutex& Access::mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}

std::string library_error() {
  std::string kept;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, &kept);
  return kept;
}

std::string checked_name(std::string_view name, const std::string& owner) {
  require_user(!name.empty() && name.find('\0') == std::string_view::npos, owner, ": '", name,
               "' is no name for an object or attribute");
  return std::string(name);
}

Handle& Handle::operator=(Handle&& other) noexcept {
  std::swap(id_, other.id_);
  std::swap(close_, other.close_);
  return *this;
}

Handle::~Handle() {
  if (id_ < 0) return;
  const Access access;
  close_(id_);
}

std::vector<std::string> Group::names() const {
  const Access access;
  std::vector<std::string> names;
  if (H5Literate(id(), H5_INDEX_NAME, H5_ITER_INC, nullptr, collect_name, &names) < 0)
    throw UserError(text(describe(), ": cannot be listed", library_error()));
  std::sort(names.begin(), names.end());
  return names;
}

bool Group::contains(std::string_view name) const {
  const Access access;
  return path_exists(id(), checked_name(name, describe()));
}

Group::Kind Group::kind(std::string_view name) const {
  const Access access;
  const hid_t object = H5Oopen(id(), checked_name(name, describe()).c_str(), link_access().id());
  if (object < 0) return Kind::other;
  const Handle handle(object, H5Oclose);
  switch (H5Iget_type(object)) {
    case H5I_GROUP:
      return Kind::group;
    case H5I_DATASET:
      return Kind::dataset;
    default:
      return Kind::other;
  }
}

std::string Group::child_path(std::string_view name) const {
  return text(path(), path().ends_with('/') ? "" : "/", name);
}

std::string Group::missing(std::string_view what, std::string_view name) const {
  return text(describe(), ": ", unknown_name(what, name, names()));
}

Group Group::group(std::string_view name) const {
  const Access access;
  const std::string path = checked_name(name, describe());
  if (!path_exists(id(), path)) throw UserError(missing("group", name));
  const hid_t object = H5Oopen(id(), path.c_str(), link_access().id());
  Handle handle(object, H5Oclose);
  require_user(object >= 0 && H5Iget_type(object) == H5I_GROUP, *file(), ":", child_path(name),
               " is not a readable group");
  return {std::move(handle), file(), child_path(name)};
}

Handle Group::open_dataset(std::string_view name) const {
  const std::string path = checked_name(name, describe());
  if (!path_exists(id(), path)) throw UserError(missing("dataset", name));
  const hid_t object = H5Oopen(id(), path.c_str(), link_access().id());
  Handle handle(object, H5Oclose);
  require_user(object >= 0 && H5Iget_type(object) == H5I_DATASET, *file(), ":", child_path(name),
               " is not a readable dataset");
  return handle;
}

Dataset Group::dataset(std::string_view name) const {
  const Access access;
  return {open_dataset(name), file(), child_path(name)};
}

Group Group::create_group(std::string_view name) {
  const Access access;
  const std::string path = checked_name(name, describe());
  if (path_exists(id(), path)) return group(name);
  return {acquire(H5Gcreate2(id(), path.c_str(), link_creation().id(), H5P_DEFAULT, H5P_DEFAULT), H5Gclose,
                  describe(), ": cannot make the group '", name, "'"),
          file(), child_path(name)};
}

Handle Group::create_dataset(std::string_view name, std::int64_t type, std::int64_t space) {
  const std::string path = checked_name(name, describe());
  require(!path_exists(id(), path), describe(), ": '", name, "' exists already");
  const Handle creation = acquire(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "hdf5: no creation list");
  // Equal contents make equal files.
  succeed(H5Pset_obj_track_times(creation.id(), 0), "hdf5: no creation list");
  return acquire(
      H5Dcreate2(id(), path.c_str(), type, space, link_creation().id(), creation.id(), H5P_DEFAULT), H5Dclose,
      describe(), ": cannot make the dataset '", name, "'");
}

File::File(Handle handle, const std::string& name)
    : Group(std::move(handle), std::make_shared<const std::string>(name), "/") {}

File File::open(const std::string& path) {
  const Access access;
  if (std::FILE* readable = std::fopen(path.c_str(), "rb"))
    std::fclose(readable);
  else
    throw UserError(text(path, ": cannot be opened: ", std::strerror(errno)));
  const Handle options = file_access();
#if H5_VERSION_GE(1, 10, 7)
  // Files appear by rename and are never changed in place; locks fail on some network file systems.
  succeed(H5Pset_file_locking(options.id(), 0, 1), "hdf5: no file access list");
#endif
  const hid_t id = H5Fopen(path.c_str(), H5F_ACC_RDONLY, options.id());
  if (id < 0) throw UserError(text(path, ": is not a readable HDF5 file", library_error()));
  return {Handle(id, H5Fclose), path};
}

File File::open_image(std::span<const std::byte> image, const std::string& name) {
  const Access access;
  const Handle options = file_access();
  require_user(!image.empty(), name, ": is empty, expected an HDF5 file");
  succeed(H5Pset_fapl_core(options.id(), 1u << 16, 0), name, ": cannot be held in memory");
  // The library only reads the bytes, into its own copy.
  succeed(H5Pset_file_image(options.id(), const_cast<std::byte*>(image.data()), image.size()), name,
          ": cannot be held in memory");
  const hid_t id = H5Fopen(name.c_str(), H5F_ACC_RDONLY, options.id());
  if (id < 0) throw UserError(text(name, ": is not a readable HDF5 file", library_error()));
  return {Handle(id, H5Fclose), name};
}

File File::create(const Creation& creation) {
  const Access access;
  const Handle options = file_access();
  const Handle layout = acquire(H5Pcreate(H5P_FILE_CREATE), H5Pclose, "hdf5: no file creation list");
  succeed(H5Pset_fapl_core(options.id(), std::max<std::size_t>(1u << 16, creation.expected_bytes / 8), 0),
          creation.name, ": cannot be held in memory");
  succeed(H5Pset_userblock(layout.id(), creation.user_block), creation.name, ": no user block of ",
          creation.user_block, " bytes");
  return {acquire(H5Fcreate(creation.name.c_str(), H5F_ACC_TRUNC, layout.id(), options.id()), H5Fclose,
                  creation.name, ": cannot be made in memory"),
          creation.name};
}

std::span<const std::byte> File::image() {
  const Access access;
  const Handle layout = acquire(H5Fget_create_plist(id()), H5Pclose, describe(), ": no creation list");
  hsize_t user_block = 0;
  void* memory = nullptr;
  succeed(H5Pget_userblock(layout.id(), &user_block), describe(), ": no creation list");
  succeed(H5Fflush(id(), H5F_SCOPE_LOCAL), describe(), ": cannot be flushed");
  const ssize_t size = H5Fget_file_image(id(), nullptr, 0);  // without the user block
  require(size >= 0, describe(), ": is not held in memory", library_error());
  // The core driver's handle is the address of its pointer to the bytes.
  succeed(H5Fget_vfd_handle(id(), H5P_DEFAULT, &memory), describe(), ": is not held in memory");
  return {*static_cast<const std::byte* const*>(memory), static_cast<std::size_t>(size) + user_block};
}

void File::save(const std::string& path) {
  AtomicFile target(path);
  target.write(image());
  target.commit();
}

}  // namespace slipway::hdf5
