#pragma once

#include <hdf5.h>

#include <bit>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/io/hdf5.h"

/// What the sources of core/io/hdf5.h share.
namespace slipway::hdf5 {

static_assert(std::endian::native == std::endian::little);
static_assert(sizeof(hid_t) == sizeof(std::int64_t));

/// Held around calls of the library: it need not have been built thread-safe, and by itself prints errors.
class Access {
 public:
  Access() : lock_(mutex()) {
    H5Eget_auto2(H5E_DEFAULT, &report_, &data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  ~Access() { H5Eset_auto2(H5E_DEFAULT, report_, data_); }
  Access(const Access&) = delete;
  Access& operator=(const Access&) = delete;

 private:
  static std::recursive_mutex& mutex();
  std::lock_guard<std::recursive_mutex> lock_;
  H5E_auto2_t report_ = nullptr;
  void* data_ = nullptr;
};

/// What the library says of its last failure: ": unable to read superblock", or nothing.
std::string library_error();

/// Wraps what an H5*create or H5*open gave; a failure is an Error made of `message`.
template <class... Parts>
Handle acquire(hid_t id, Handle::Close close, const Parts&... message) {
  if (id < 0) throw Error(text(message..., library_error()));
  return {id, close};
}
/// Throws an Error if a call failed.
template <class... Parts>
void succeed(herr_t status, const Parts&... message) {
  if (status < 0) throw Error(text(message..., library_error()));
}

/// The null-terminated form of a name.
std::string checked_name(std::string_view name, const std::string& owner);
/// How elements of a dtype are stored. All machines that Slipway runs on are little-endian, so this is also
/// their form in memory.
Handle stored_type(DType dtype);
/// The dtype that holds every value of a stored type, if there is one.
std::optional<DType> dtype_of_stored(std::int64_t type);
/// Strings of a fixed number of bytes, padded with zeros, UTF-8.
Handle string_type(std::size_t bytes);
/// A string as stored, without what fills it up.
std::string without_padding(std::string value, H5T_str_t padding);
Handle simple_space(std::span<const std::int64_t> sizes);

}  // namespace slipway::hdf5
