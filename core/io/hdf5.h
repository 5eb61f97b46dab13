#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor/tensor.h"

/// HDF5 files (https://docs.hdfgroup.org/hdf5) as tensors, texts and attributes. Nothing else calls the HDF5
/// library. Files may be hostile: types, ranks and sizes are checked before memory is taken, and data that a
/// file would fetch from other files or through plugins is refused. What is wrong with a file is a UserError
/// that names file and object. All of it may be called from several threads.
namespace slipway::hdf5 {

/// An identifier of the HDF5 library, released with its owner.
class Handle {
 public:
  using Close = int (*)(std::int64_t);
  Handle() = default;
  Handle(std::int64_t id, Close close) : id_(id), close_(close) {}
  Handle(Handle&& other) noexcept { *this = std::move(other); }
  Handle& operator=(Handle&& other) noexcept;
  ~Handle();
  std::int64_t id() const { return id_; }

 private:
  std::int64_t id_ = -1;
  Close close_ = nullptr;
};

/// What files, groups and datasets have in common: a name for messages, and attributes.
class Object {
 public:
  /// "weights.h5:/encoder/weight"
  std::string describe() const { return *file_ + ":" + path_; }

  bool has_attribute(std::string_view name) const;
  std::vector<std::string> attributes() const;
  /// An absent attribute, or one of another kind, is a UserError.
  std::string string_attribute(std::string_view name) const;
  std::int64_t integer_attribute(std::string_view name) const;
  double number_attribute(std::string_view name) const;  // integers too
  /// Replaces an attribute of the same name. HDF5 holds at most 64 KiB in one.
  void set_attribute(std::string_view name, std::string_view value);
  void set_attribute(std::string_view name, std::int64_t value);
  void set_attribute(std::string_view name, double value);

 protected:
  Object(Handle handle, std::shared_ptr<const std::string> file, std::string path)
      : handle_(std::move(handle)), file_(std::move(file)), path_(std::move(path)) {}
  std::int64_t id() const { return handle_.id(); }
  const std::shared_ptr<const std::string>& file() const { return file_; }
  const std::string& path() const { return path_; }

 private:
  Handle handle_;
  std::shared_ptr<const std::string> file_;
  std::string path_;
};

/// An array of numbers. Element types between ours are widened: 16-bit integers to int32, uint32 and uint64
/// to int64 (a value too large for it is a UserError); either byte order.
class Dataset : public Object {
 public:
  DType dtype() const { return type_.dtype; }
  const Shape& shape() const { return type_.shape; }
  Tensor read() const;
  /// Reads the block of size `count` at `start` into row-major host memory of the dataset's dtype with that
  /// many elements, whatever its shape: read_block({17, 0, 0}, {1, 28, 28}, image).
  void read_block(const Dims& start, const Dims& count, const TensorView& into) const;

 private:
  friend class Group;
  Dataset(Handle handle, std::shared_ptr<const std::string> file, std::string path);
  void read_into(std::int64_t memory_space, std::int64_t file_space, const TensorView& into) const;

  ValueType type_;
};

class Group : public Object {
 public:
  enum class Kind { group, dataset, other };

  /// What lies directly in the group, sorted.
  std::vector<std::string> names() const;
  bool contains(std::string_view name) const;
  /// `other`: a type, or a link to another file.
  Kind kind(std::string_view name) const;

  /// A name may be a path, a/b/c. What is absent is a UserError that names what is there.
  Group group(std::string_view name) const;
  Dataset dataset(std::string_view name) const;
  Tensor read(std::string_view name) const { return dataset(name).read(); }
  /// A scalar or one-dimensional dataset of strings.
  std::vector<std::string> read_strings(std::string_view name) const;
  std::string read_string(std::string_view name) const;

  /// Writing makes the groups of a path; an object that exists already is an Error. float16 is stored as IEEE
  /// binary16, bfloat16 as uint16 with the attribute dtype = "bfloat16", bool as h5py stores it.
  Group create_group(std::string_view name);
  void write(std::string_view name, const TensorView& value);
  void write_strings(std::string_view name, const std::vector<std::string>& values);
  void write_string(std::string_view name, std::string_view value);

 protected:
  Group(Handle handle, std::shared_ptr<const std::string> file, std::string path)
      : Object(std::move(handle), std::move(file), std::move(path)) {}

 private:
  friend class File;
  std::string child_path(std::string_view name) const;
  std::string missing(std::string_view what, std::string_view name) const;
  Handle open_dataset(std::string_view name) const;
  Handle create_dataset(std::string_view name, std::int64_t type, std::int64_t space);
};

/// The root group. A file that is written lives in memory, since the library does not survive a full disk;
/// save() puts it where it belongs.
class File : public Group {
 public:
  /// For reading.
  static File open(const std::string& path);
  /// For reading; the bytes are copied. `name` stands for the file in messages.
  static File open_image(std::span<const std::byte> image, const std::string& name);

  struct Creation {
    std::string name = "new file";  // in messages
    std::size_t expected_bytes = 0;
    std::size_t user_block = 0;  // bytes left free at the start: 0, or a power of two from 512
  };
  static File create(const Creation& creation);
  /// The contents so far of a file from create(), valid until something is written.
  std::span<const std::byte> image();
  /// Writes image() to `path`, all or nothing.
  void save(const std::string& path);

 private:
  File(Handle handle, const std::string& name);
};

}  // namespace slipway::hdf5
