#include <algorithm>

#include "data/array_dataset.h"
#include "data/formats/bytes.h"
#include "data/formats/idx.h"

namespace slipway {
namespace {

/// The values of an IDX file of rank 1 as labels; each must be below `classes`.
Tensor to_labels(const Tensor& values, const std::string& path, std::int64_t classes) {
  require_user(values.shape().rank() == 1 && !is_floating(values.dtype()), path, ": holds ", values.type(),
               ", expected one integer label a sample");
  const Tensor labels = values.cast(DType::int64);
  const auto items = labels.as<std::int64_t>();
  for (std::size_t i = 0; i < items.size(); ++i) {
    require_user(items[i] >= 0 && items[i] < classes, path, ": label ", items[i], " of sample ", i,
                 ", expected 0 to ", classes - 1);
  }
  return labels;
}

struct LabelledFiles {
  std::string inputs, labels;
};

/// Pairs of IDX files: images of rank 3 [samples, height, width] get a channel axis, other ranks are taken as
/// they are.
class IdxBase : public ArrayDataset {
 protected:
  void load(const LabelledFiles& files, std::vector<std::string> labels) {
    const Tensor inputs = read_idx(files.inputs), classes = read_idx(files.labels);
    const std::int64_t samples = inputs.shape()[0];
    require_user(classes.shape().rank() != 1 || classes.shape()[0] == samples, files.labels, ": holds ",
                 classes.shape()[0], " labels, ", files.inputs, " holds ", samples, " samples");
    if (labels.empty() && expected() != nullptr) labels = expected()->targets.at(0).labels;
    if (labels.empty()) labels = numbered_labels(count_classes(classes));
    const Tensor targets = to_labels(classes, files.labels, static_cast<std::int64_t>(labels.size()));
    Schema schema = schema_of(files, inputs.type(), std::move(labels));
    const Shape shape = schema.inputs[0].shape.inserted(0, samples);
    set(std::move(schema), {inputs.reshaped(shape), targets});
  }

  /// `inputs` is what read_idx gives.
  static Schema schema_of(const LabelledFiles& files, const ValueType& inputs,
                          std::vector<std::string> labels) {
    require_user(inputs.shape.rank() >= 2, files.inputs, ": holds ", inputs,
                 ", expected samples of at least one axis");
    const bool image = inputs.shape.rank() == 3;
    const Shape sample = inputs.shape.without(0);
    const Feature input{.name = image ? "image" : "input",
                        .kind = image ? Feature::Kind::image : Feature::Kind::tensor,
                        .dtype = inputs.dtype,
                        .shape = image ? sample.inserted(0, 1) : sample};
    const Feature target{.name = "label",
                         .kind = Feature::Kind::label,
                         .dtype = DType::int64,
                         .shape = {},
                         .labels = std::move(labels)};
    return {.inputs = {input}, .targets = {target}};
  }

 private:
  static std::int64_t count_classes(const Tensor& labels) {
    constexpr double kMost = 1 << 20;  // more are a mistake, not classes
    double most = 0;
    if (!is_floating(labels.dtype()) && labels.shape().rank() == 1) {
      for (std::int64_t i = 0; i < labels.elements(); ++i) most = std::max(most, labels.at({i}));
    }
    return static_cast<std::int64_t>(std::min(most, kMost)) + 1;
  }
};

class Idx : public IdxBase {
 public:
  std::string inputs_path, labels_path;
  std::vector<std::string> classes;

  void fields(FieldVisitor& visit) override {
    visit.field("inputs", inputs_path, {.help = "IDX file of the inputs, plain or gzip", .required = true});
    visit.field("labels", labels_path, {.help = "IDX file of the labels, plain or gzip", .required = true});
    visit.field("classes", classes, {.help = "names of the classes; empty: \"0\" to the largest label"});
  }

  std::optional<Schema> peek(const std::string& base_directory) const override {
    const LabelledFiles found = files(base_directory);
    return schema_of(found, read_idx_type(found.inputs), classes);
  }
  void open(const std::string& base_directory) override { load(files(base_directory), classes); }

 private:
  LabelledFiles files(const std::string& base_directory) const {
    return {resolve_path(base_directory, inputs_path), resolve_path(base_directory, labels_path)};
  }
};

class Mnist : public IdxBase {
 public:
  std::string path, part = "train";
  std::vector<std::string> classes = numbered_labels(10);

  void fields(FieldVisitor& visit) override {
    visit.field(
        "path", path,
        {.help = "directory of the four IDX files, plain or gzip", .required = true, .positional = true});
    visit.field("part", part, {.help = "the 60,000 or the 10,000 samples", .choices = {"train", "test"}});
    visit.field("classes", classes, {.help = "names of the classes, for other data in the same files"});
  }

  std::optional<Schema> peek(const std::string& base_directory) const override {
    const LabelledFiles found = files(base_directory);
    return schema_of(found, read_idx_type(found.inputs), classes);
  }
  void open(const std::string& base_directory) override { load(files(base_directory), classes); }

 private:
  LabelledFiles files(const std::string& base_directory) const {
    const std::string directory = resolve_path(base_directory, path);
    const std::string prefix = part == "train" ? "train" : "t10k";
    return {find(directory, prefix + "-images", "idx3"), find(directory, prefix + "-labels", "idx1")};
  }
  static std::string find(const std::string& directory, const std::string& stem, const std::string& rank) {
    for (const char* separator : {"-", "."}) {
      for (const char* suffix : {"", ".gz"}) {
        const auto file = std::filesystem::path(directory) / (stem + separator + rank + "-ubyte" + suffix);
        if (std::filesystem::exists(file)) return file.string();
      }
    }
    throw UserError(
        text(directory, ": has no file ", stem, '-', rank, "-ubyte or ", stem, '-', rank, "-ubyte.gz"));
  }
};

const Register<Dataset, Idx> registered_idx("idx", "inputs and labels in a pair of IDX files");
const Register<Dataset, Mnist> registered_mnist("mnist", "MNIST, or other images in the same four IDX files");

}  // namespace
}  // namespace slipway
