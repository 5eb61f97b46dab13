#include "tools/train/prediction_input.h"

#include <algorithm>
#include <filesystem>

#include "core/io/hdf5.h"
#include "data/array_dataset.h"
#include "data/formats/idx.h"
#include "data/formats/image.h"

namespace slipway {
namespace {

namespace fs = std::filesystem;

std::string lower_extension(const std::string& path) {
  std::string extension = fs::path(path).extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return extension;
}

bool is_image(const std::string& path) {
  const std::string extension = lower_extension(path);
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png";
}

bool is_hdf5(const std::string& path) {
  const std::string extension = lower_extension(path);
  return extension == ".h5" || extension == ".hdf5";
}

/// t10k-images-idx3-ubyte.gz, digits.idx
bool is_idx(const std::string& path) {
  return fs::path(path).filename().string().find("idx") != std::string::npos;
}

/// Samples of this type can be the model's input; sizes that a transform settles may be any.
bool fits(const Feature& input, DType dtype, const Shape& shape) {
  if (dtype != input.dtype || shape.rank() != input.shape.rank()) return false;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (input.shape[axis] >= 0 && input.shape[axis] != shape[axis]) return false;
  }
  return true;
}

class ImageFiles : public Dataset {
 public:
  ImageFiles(const std::vector<std::string>& paths, Feature input) : input_(std::move(input)) {
    const bool pictures = input_.kind == Feature::Kind::image && input_.dtype == DType::uint8 &&
                          (input_.shape[0] == 1 || input_.shape[0] == 3);
    for (const std::string& path : paths) {
      if (!fs::is_directory(path)) {
        require_user(is_image(path), path, ": expected a .jpg, .jpeg or .png file or a directory of them");
        require_user(pictures, path, ": is an image, but the model expects ", input_);
        files_.push_back(path);
        continue;
      }
      require_user(pictures, path, ": is a directory, but the model expects ", input_);
      const std::size_t before = files_.size();
      for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path)) {
        if (entry.is_regular_file() && is_image(entry.path().string()))
          files_.push_back(entry.path().string());
      }
      require_user(files_.size() > before, path, ": holds no .jpg, .jpeg or .png file");
      std::sort(files_.begin() + static_cast<std::ptrdiff_t>(before), files_.end());
    }
  }
  void fields(FieldVisitor&) override {}
  void open(const std::string&) override {}
  Schema schema() const override { return {.inputs = {input_}, .targets = {}}; }
  std::int64_t size() const override { return static_cast<std::int64_t>(files_.size()); }
  std::string describe(std::int64_t index) const override { return files_[static_cast<std::size_t>(index)]; }

  void read(std::int64_t index, Sample& sample) const override {
    const std::string& path = files_[static_cast<std::size_t>(index)];
    const Tensor bytes = read_file(path);
    sample.resize(1);
    decode_image(bytes_of(bytes), path, input_.shape[0], sample[0]);
    const Shape& shape = sample[0].shape();
    require_user(fits(input_, DType::uint8, shape), path, ": is ", shape[2], "x", shape[1],
                 " pixels, the model was trained on ", input_.shape[2], "x", input_.shape[1],
                 " and its configuration has no resize");
  }

 private:
  Feature input_;
  std::vector<std::string> files_;
};

/// The samples of an IDX file; images of one channel lack its axis there.
class IdxSamples : public ArrayDataset {
 public:
  IdxSamples(const std::string& path, Feature input) : path_(path) {
    Tensor values = read_idx(path);
    const Shape shape = values.shape();
    if (input.kind == Feature::Kind::image && shape.rank() == 3)
      values = values.reshaped(shape.inserted(1, 1));
    const Shape sample = values.shape().without(0);
    require_user(fits(input, values.dtype(), sample), path, ": holds samples of ", values.dtype(), sample,
                 ", the model expects ", input);
    input.shape = sample;
    set({.inputs = {input}, .targets = {}}, {values});
  }
  std::string describe(std::int64_t index) const override { return text(path_, '[', index, ']'); }

 private:
  std::string path_;
};

class Hdf5Rows : public Dataset {
 public:
  Hdf5Rows(const std::string& path, Feature input)
      : input_(std::move(input)), file_(hdf5::File::open(path)), rows_(file_.dataset(input_.name)) {
    const Shape& shape = rows_.shape();
    require_user(shape.rank() > 0 && fits(input_, rows_.dtype(), shape.without(0)), rows_.describe(), " is ",
                 rows_.dtype(), shape, ", the model expects samples of ", input_);
    input_.shape = shape.without(0);
  }
  void fields(FieldVisitor&) override {}
  void open(const std::string&) override {}
  Schema schema() const override { return {.inputs = {input_}, .targets = {}}; }
  std::int64_t size() const override { return rows_.shape()[0]; }
  std::string describe(std::int64_t index) const override { return text(rows_.describe(), '[', index, ']'); }

  void read(std::int64_t index, Sample& sample) const override {
    sample.resize(1);
    ensure_type(sample[0], input_.dtype, input_.shape);
    Dims start = Dims::filled(rows_.shape().rank(), 0), count = rows_.shape();
    start[0] = index;
    count[0] = 1;
    rows_.read_block(start, count, sample[0]);
  }

 private:
  Feature input_;
  hdf5::File file_;
  hdf5::Dataset rows_;
};

}  // namespace

std::shared_ptr<const Dataset> open_prediction_input(const std::vector<std::string>& paths,
                                                     const Schema& schema, const Dataset& training) {
  for (const std::string& path : paths) require_user(fs::exists(path), path, ": does not exist");
  const std::string& path = paths[0];
  const Feature& input = schema.inputs[0];
  if (fs::is_directory(path) || is_image(path)) return std::make_shared<ImageFiles>(paths, input);
  require_user(paths.size() == 1, path, ": is followed by ", paths.back(),
               ", but only images can be several files");
  if (is_hdf5(path)) return std::make_shared<Hdf5Rows>(path, input);
  if (is_idx(path)) return std::make_shared<IdxSamples>(path, input);
  const std::shared_ptr<Dataset> rows = training.inputs_from(path);
  require_user(rows != nullptr, path, ": expected ",
               input.kind == Feature::Kind::image ? "images (.png, .jpg, .jpeg), a directory of them, " : "",
               "an IDX or an HDF5 file (.h5, .hdf5) with the model's input, ", input);
  rows->open_like("", schema);
  return rows;
}

}  // namespace slipway
