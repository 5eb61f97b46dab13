#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/io/checkpoint.h"
#include "core/io/hdf5.h"

/// The checksum keeps accidents from the HDF5 library, so random bytes end there. The second half of the
/// target gets behind it: the input is read as instructions that build a well-formed HDF5 file of the wrong
/// contents, with the right checksum.
namespace {

using namespace slipway;

constexpr const char* kPaths[] = {"parameters",
                                  "state",
                                  "optimizer",
                                  "progress",
                                  "progress/counters",
                                  "progress/numbers",
                                  "texts",
                                  "texts/config",
                                  "parameters/weight",
                                  "state/mean",
                                  "optimizer/momentum",
                                  "texts/classes",
                                  "parameters/deep/weight",
                                  "other"};
constexpr const char* kAttributes[] = {"step",        "epoch",     "next_sample", "seed",
                                       "best_metric", "best_step", "dtype"};

/// Hands out the input piece by piece, zeros at its end.
class Instructions {
 public:
  explicit Instructions(std::span<const std::byte> bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  unsigned next() {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<unsigned>(bytes_[0]);
    bytes_ = bytes_.subspan(1);
    return byte;
  }
  template <class T>
  T take() {
    T value = 0;
    const std::size_t size = std::min(sizeof value, bytes_.size());
    if (size > 0) std::memcpy(&value, bytes_.data(), size);
    bytes_ = bytes_.subspan(size);
    return value;
  }
  template <std::size_t N>
  const char* one_of(const char* const (&choices)[N]) {
    return choices[next() % N];
  }

 private:
  std::span<const std::byte> bytes_;
};

void change(hdf5::File& file, Instructions& from) {
  const std::string path = from.one_of(kPaths);
  switch (from.next() % 5) {
    case 0:
      file.create_group(path);
      return;
    case 1: {
      Shape shape;
      for (unsigned rank = from.next() % 4; rank > 0; --rank) shape.push_back(from.next() % 5);
      file.write(path, Tensor::full(static_cast<DType>(from.next() % 9), shape, from.next() % 100));
      return;
    }
    case 2:
      file.write_string(path, std::string(from.next() % 9, static_cast<char>(from.next())));
      return;
    case 3:
      file.write_strings(path, std::vector<std::string>(from.next() % 4, "x"));
      return;
    default:
      break;
  }
  hdf5::Group group = file.group(path);
  const std::string name = from.one_of(kAttributes);
  switch (from.next() % 3) {
    case 0:
      return group.set_attribute(name, from.take<std::int64_t>());
    case 1:
      return group.set_attribute(name, from.take<double>());
    default:
      return group.set_attribute(name, std::string(from.next() % 9, static_cast<char>(from.next())));
  }
}

std::string build(Instructions from) {
  hdf5::File file = hdf5::File::create({.name = "built", .user_block = 512});
  if (from.next() % 8 != 0) {  // mostly all is there that must be
    for (const char* group :
         {"parameters", "state", "optimizer", "progress/counters", "progress/numbers", "texts"})
      file.create_group(group);
    for (const char* name : {"step", "epoch", "next_sample", "seed", "best_step"})
      file.group("progress").set_attribute(name, std::int64_t{1});
    if (from.next() % 8 != 0) file.write_string("texts/config", "a: 1");
  }
  while (!from.empty()) {
    try {
      change(file, from);
    } catch (const Error&) {  // such an object is there already
    }
  }
  const auto contents = file.image().subspan(512);
  return checkpoint_header(contents) +
         std::string(reinterpret_cast<const char*>(contents.data()), contents.size());
}

void read(std::span<const std::byte> image) {
  try {
    read_checkpoint(image, "input");
  } catch (const UserError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span input(reinterpret_cast<const std::byte*>(data), size);
  read(input);
  if (size > 4096) return 0;
  const std::string built = build(Instructions(input));
  read(std::as_bytes(std::span(built)));
  return 0;
}
