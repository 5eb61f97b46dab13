#include "core/io/checkpoint.h"

#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "core/base/error.h"
#include "core/io/atomic_file.h"
#include "core/io/hdf5.h"

namespace slipway {
namespace {

constexpr std::size_t kHeaderBytes = 512;
constexpr const char* kMagic = "Slipway checkpoint, format ";
constexpr const char* kConfig = "config";

std::uint32_t checksum(std::uint32_t before, std::span<const std::byte> bytes) {
  return static_cast<std::uint32_t>(
      crc32_z(before, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::string header_text(int version, unsigned long long bytes, std::uint32_t crc) {
  char line[kHeaderBytes] = {};
  std::snprintf(line, sizeof line, "%s%d, %llu bytes, CRC-32 %08x behind these %zu bytes\n", kMagic, version,
                bytes, crc, kHeaderBytes);
  return {line, kHeaderBytes};
}

struct Header {
  std::uint64_t bytes = 0;  // of the file
  std::uint32_t crc = 0;
};

/// Checks everything about a header that can be checked without the rest of the file.
Header parse_header(const std::string& header, std::uint64_t file_bytes, const std::string& name) {
  int version = 0;
  unsigned long long bytes = 0;
  unsigned crc = 0;
  const std::string format = text(kMagic, "%d, %llu bytes, CRC-32 %8x");
  require_user(std::sscanf(header.c_str(), format.c_str(), &version, &bytes, &crc) >= 1 && version >= 1, name,
               ": is no Slipway checkpoint");
  require_user(version == Checkpoint::kVersion, name, ": is a checkpoint of format ", version,
               ", this program reads format ", Checkpoint::kVersion);
  require_user(header == header_text(version, bytes, crc), name, ": the checkpoint's header is damaged");
  require_user(bytes == file_bytes, name, ": the checkpoint is incomplete: ", file_bytes, " bytes, expected ",
               bytes);
  return {.bytes = bytes, .crc = crc};
}

void check_crc(std::uint32_t crc, const Header& header, const std::string& name) {
  require_user(crc == header.crc, name,
               ": the checkpoint is damaged, or was changed after it was written: its checksum differs");
}

void verify_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  require_user(file != nullptr, path, ": cannot be opened: ", std::strerror(errno));
  std::vector<std::byte> part(1 << 20);
  std::string head(kHeaderBytes, '\0');
  head.resize(std::fread(head.data(), 1, head.size(), file.get()));
  std::uint64_t bytes = head.size();
  std::uint32_t crc = 0;
  while (const std::size_t count = std::fread(part.data(), 1, part.size(), file.get())) {
    crc = checksum(crc, std::span(part).first(count));
    bytes += count;
  }
  require_user(std::ferror(file.get()) == 0, path, ": cannot be read");
  check_crc(crc, parse_header(head, bytes, path), path);
}

void write_tensors(hdf5::File& file, const std::string& group, const Checkpoint::Tensors& tensors) {
  hdf5::Group target = file.create_group(group);
  for (const auto& [name, tensor] : tensors) {
    require(name.find('/') == std::string::npos && name != ".", "checkpoint: '", name,
            "' is no name for a tensor, expected one without a slash");
    require(tensor.defined(), "checkpoint: ", group, " '", name, "' has no value");
    target.write(name, tensor);
  }
}

/// `budget`: bytes that tensors may still take; datasets of a hostile file may share their storage.
Checkpoint::Tensors read_tensors(const hdf5::File& file, const std::string& group, std::uint64_t& budget) {
  const hdf5::Group source = file.group(group);
  Checkpoint::Tensors tensors;
  for (const std::string& name : source.names()) {
    const hdf5::Dataset dataset = source.dataset(name);
    const std::uint64_t bytes = ValueType(dataset.dtype(), dataset.shape()).bytes();
    require_user(bytes <= budget, dataset.describe(), ": claims more than the file holds");
    budget -= bytes;
    tensors.emplace(name, dataset.read());
  }
  return tensors;
}

void write_progress(hdf5::File& file, const Progress& progress) {
  hdf5::Group group = file.create_group("progress");
  group.set_attribute("step", progress.step);
  group.set_attribute("epoch", progress.epoch);
  group.set_attribute("next_sample", progress.next_sample);
  group.set_attribute("seed", std::bit_cast<std::int64_t>(progress.seed));
  if (progress.best_metric) group.set_attribute("best_metric", *progress.best_metric);
  group.set_attribute("best_step", progress.best_step);
  hdf5::Group counters = file.create_group("progress/counters");
  for (const auto& [name, value] : progress.counters) counters.set_attribute(name, value);
  hdf5::Group numbers = file.create_group("progress/numbers");
  for (const auto& [name, value] : progress.numbers) numbers.set_attribute(name, value);
}

Progress read_progress(const hdf5::File& file) {
  const hdf5::Group group = file.group("progress");
  Progress progress;
  progress.step = group.integer_attribute("step");
  progress.epoch = group.integer_attribute("epoch");
  progress.next_sample = group.integer_attribute("next_sample");
  progress.best_step = group.integer_attribute("best_step");
  progress.seed = std::bit_cast<std::uint64_t>(group.integer_attribute("seed"));
  require_user(progress.step >= 0 && progress.epoch >= 0 && progress.next_sample >= 0, group.describe(),
               ": step ", progress.step, ", epoch ", progress.epoch, ", sample ", progress.next_sample,
               ": none may be negative");
  if (group.has_attribute("best_metric")) progress.best_metric = group.number_attribute("best_metric");
  const hdf5::Group counters = file.group("progress/counters");
  for (const std::string& name : counters.attributes())
    progress.counters[name] = counters.integer_attribute(name);
  const hdf5::Group numbers = file.group("progress/numbers");
  for (const std::string& name : numbers.attributes())
    progress.numbers[name] = numbers.number_attribute(name);
  return progress;
}

std::size_t bytes_of(const Checkpoint::Tensors& tensors) {
  constexpr std::size_t kDatasetBytes = 512;  // what a dataset takes besides its elements, about
  std::size_t bytes = 0;
  for (const auto& [name, tensor] : tensors) bytes += tensor.type().bytes() + kDatasetBytes;
  return bytes;
}

Checkpoint read_contents(const hdf5::File& file, std::uint64_t file_bytes) {
  Checkpoint checkpoint;
  std::uint64_t budget = file_bytes;
  checkpoint.parameters = read_tensors(file, "parameters", budget);
  checkpoint.state = read_tensors(file, "state", budget);
  checkpoint.optimizer = read_tensors(file, "optimizer", budget);
  checkpoint.progress = read_progress(file);
  const hdf5::Group texts = file.group("texts");
  for (const std::string& name : texts.names()) checkpoint.texts[name] = texts.read_string(name);
  const auto config = checkpoint.texts.extract(kConfig);
  require_user(!config.empty(), texts.describe(), ": holds no configuration, expected one");
  checkpoint.config = config.mapped();
  return checkpoint;
}

}  // namespace

std::string checkpoint_header(std::span<const std::byte> contents) {
  return header_text(Checkpoint::kVersion, kHeaderBytes + contents.size(), checksum(0, contents));
}

void write_checkpoint(const std::string& path, const Checkpoint& checkpoint) {
  hdf5::File file =
      hdf5::File::create({.name = path,
                          .expected_bytes = bytes_of(checkpoint.parameters) + bytes_of(checkpoint.state) +
                                            bytes_of(checkpoint.optimizer) + checkpoint.config.size(),
                          .user_block = kHeaderBytes});
  write_tensors(file, "parameters", checkpoint.parameters);
  write_tensors(file, "state", checkpoint.state);
  write_tensors(file, "optimizer", checkpoint.optimizer);
  write_progress(file, checkpoint.progress);
  hdf5::Group texts = file.create_group("texts");
  texts.write_string(kConfig, checkpoint.config);
  for (const auto& [name, value] : checkpoint.texts) texts.write_string(name, value);

  const std::span<const std::byte> contents = file.image().subspan(kHeaderBytes);
  AtomicFile target(path);
  target.write(checkpoint_header(contents));
  target.write(contents);
  target.commit();
}

Checkpoint read_checkpoint(const std::string& path) {
  verify_file(path);
  return read_contents(hdf5::File::open(path), std::filesystem::file_size(path));
}

Checkpoint read_checkpoint(std::span<const std::byte> image, const std::string& name) {
  const std::string head(reinterpret_cast<const char*>(image.data()), std::min(image.size(), kHeaderBytes));
  const Header header = parse_header(head, image.size(), name);
  check_crc(checksum(0, image.subspan(kHeaderBytes)), header, name);
  return read_contents(hdf5::File::open_image(image, name), image.size());
}

}  // namespace slipway
