#include <fstream>

#include "data/array_dataset.h"
#include "data/formats/bytes.h"
#include "data/formats/cifar.h"

namespace slipway {
namespace {

namespace fs = std::filesystem;

/// What the two differ in.
struct Variant {
  CifarFormat format;
  std::vector<std::string> files;
  const char* directory;            // in which the published archive has them
  const char* names_file;           // one class name a line
  std::vector<std::string> labels;  // where there is no such file
};

/// Lines of a text file; empty if there is none, or not as many as there are classes.
std::vector<std::string> read_names(const fs::path& path, std::int64_t classes) {
  std::ifstream file(path);
  std::vector<std::string> names;
  for (std::string line; std::getline(file, line);) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (!line.empty()) names.push_back(line);
  }
  return static_cast<std::int64_t>(names.size()) == classes ? names : std::vector<std::string>{};
}

class CifarBase : public ArrayDataset {
 public:
  std::string path, part = "train";

  void fields(FieldVisitor& visit) override {
    visit.field("path", path,
                {.help = "directory of the binary version's files, or the one above it",
                 .required = true,
                 .positional = true});
    visit.field("part", part, {.help = "the 50,000 or the 10,000 samples", .choices = {"train", "test"}});
  }

  std::optional<Schema> peek(const std::string&) const override { return schema_of(variant().labels); }
  void open(const std::string& base_directory) override {
    const Variant variant = this->variant();
    fs::path directory = resolve_path(base_directory, path);
    if (fs::is_directory(directory / variant.directory)) directory /= variant.directory;
    std::vector<Tensor> files;
    std::vector<std::int64_t> counts;
    std::int64_t total = 0;
    for (const std::string& name : variant.files) {
      const std::string file = (directory / name).string();
      files.push_back(read_file(file));
      counts.push_back(count_cifar_records(bytes_of(files.back()), variant.format, file));
      total += counts.back();
    }
    const Tensor images(DType::uint8, {total, 3, 32, 32}), labels(DType::int64, {total});
    for (std::size_t i = 0, first = 0; i < files.size(); first += static_cast<std::size_t>(counts[i]), ++i) {
      const auto count = static_cast<std::size_t>(counts[i]);
      parse_cifar(bytes_of(files[i]), variant.format, (directory / variant.files[i]).string(),
                  images.as<std::uint8_t>().subspan(first * kCifarPixels, count * kCifarPixels),
                  labels.as<std::int64_t>().subspan(first, count));
      files[i] = Tensor();
    }
    std::vector<std::string> names = read_names(directory / variant.names_file, variant.format.classes);
    if (names.empty()) names = variant.labels;
    set(schema_of(std::move(names)), {images, labels});
  }

 protected:
  virtual Variant variant() const = 0;

 private:
  static Schema schema_of(std::vector<std::string> labels) {
    const Feature image{
        .name = "image", .kind = Feature::Kind::image, .dtype = DType::uint8, .shape = {3, 32, 32}};
    const Feature label{.name = "label",
                        .kind = Feature::Kind::label,
                        .dtype = DType::int64,
                        .shape = {},
                        .labels = std::move(labels)};
    return {.inputs = {image}, .targets = {label}};
  }
};

class Cifar10 : public CifarBase {
 protected:
  Variant variant() const override {
    std::vector<std::string> files = {"test_batch.bin"};
    if (part == "train") {
      files.clear();
      for (int i = 1; i <= 5; ++i) files.push_back(text("data_batch_", i, ".bin"));
    }
    return {
        .format = {.label_bytes = 1, .label_at = 0, .classes = 10},
        .files = files,
        .directory = "cifar-10-batches-bin",
        .names_file = "batches.meta.txt",
        .labels = {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}};
  }
};

class Cifar100 : public CifarBase {
 public:
  std::string labels = "fine";

  void fields(FieldVisitor& visit) override {
    CifarBase::fields(visit);
    visit.field("labels", labels, {.help = "100 fine or 20 coarse classes", .choices = {"fine", "coarse"}});
  }

 protected:
  Variant variant() const override {
    const bool fine = labels == "fine";
    return {.format = {.label_bytes = 2, .label_at = fine ? 1 : 0, .classes = fine ? 100 : 20},
            .files = {part + ".bin"},
            .directory = "cifar-100-binary",
            .names_file = fine ? "fine_label_names.txt" : "coarse_label_names.txt",
            .labels = numbered_labels(fine ? 100 : 20)};
  }
};

const Register<Dataset, Cifar10> registered_10("cifar10", "CIFAR-10, the binary version");
const Register<Dataset, Cifar100> registered_100("cifar100", "CIFAR-100, the binary version");

}  // namespace
}  // namespace slipway
