#include "tools/train/prediction_input.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <mutex>

#include "core/io/hdf5.h"
#include "data/formats/csv_table.h"
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

/// Inputs without known targets: every target reads as zero.
class UnlabelledDataset : public Dataset {
 public:
  explicit UnlabelledDataset(const Schema& schema) : schema_(schema) {}
  void fields(FieldVisitor&) override {}
  void open(const std::string&) override {}
  Schema schema() const override { return schema_; }
  void read(std::int64_t index, Sample& sample) const override {
    sample.resize(schema_.size());
    read_input(index, sample[0]);
    for (std::size_t i = 1; i < schema_.size(); ++i) {
      ensure_type(sample[i], schema_[i].dtype, schema_[i].shape);
      std::memset(sample[i].view().data, 0, sample[i].type().bytes());
    }
  }

 protected:
  virtual void read_input(std::int64_t index, Tensor& input) const = 0;
  const Feature& input() const { return schema_.inputs[0]; }

 private:
  Schema schema_;
};

class ImageFiles : public UnlabelledDataset {
 public:
  ImageFiles(const std::vector<std::string>& paths, const Schema& schema) : UnlabelledDataset(schema) {
    require_user(input().kind == Feature::Kind::image, paths[0], ": is an image, but the model expects ",
                 input());
    for (const std::string& path : paths) {
      if (!fs::is_directory(path)) {
        require_user(is_image(path), path, ": expected a .jpg, .jpeg or .png file or a directory of them");
        files_.push_back(path);
        continue;
      }
      const std::size_t before = files_.size();
      for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path)) {
        if (entry.is_regular_file() && is_image(entry.path().string()))
          files_.push_back(entry.path().string());
      }
      require_user(files_.size() > before, path, ": holds no .jpg, .jpeg or .png file");
      std::sort(files_.begin() + static_cast<std::ptrdiff_t>(before), files_.end());
    }
  }
  std::int64_t size() const override { return static_cast<std::int64_t>(files_.size()); }
  std::string describe(std::int64_t index) const override { return files_[static_cast<std::size_t>(index)]; }

 protected:
  void read_input(std::int64_t index, Tensor& image) const override {
    const std::string& path = files_[static_cast<std::size_t>(index)];
    const Tensor bytes = read_file(path);
    decode_image(bytes_of(bytes), path, input().shape[0], image);
    for (int axis = 1; axis < 3; ++axis) {
      const std::int64_t expected = input().shape[axis];
      require_user(expected < 0 || expected == image.shape()[axis], path, ": is ", image.shape()[2], "x",
                   image.shape()[1], " pixels, the model was trained on ", input().shape[2], "x",
                   input().shape[1], " and its configuration has no resize");
    }
  }

 private:
  std::vector<std::string> files_;
};

class CsvRows : public UnlabelledDataset {
 public:
  CsvRows(const std::string& path, const Schema& schema) : UnlabelledDataset(schema), path_(path) {
    require_user(input().kind == Feature::Kind::table, path, ": is a table, but the model expects ", input());
    const CsvTable table(read_file(path),
                         {.name = path, .missing = {"NA", "N/A", "NaN", "nan", "null", "NULL", "?"}});
    std::vector<std::size_t> sources;
    for (const Column& column : input().columns) sources.push_back(table.find(column.name));
    const auto width = static_cast<std::int64_t>(sources.size());
    values_ = Tensor(DType::float32, Shape{table.rows(), width});
    lines_.resize(static_cast<std::size_t>(table.rows()));
    const std::span<float> values = values_.as<float>();
    table.visit([&](std::int64_t row, std::int64_t line, std::span<const std::string_view> cells) {
      lines_[static_cast<std::size_t>(row)] = line;
      for (std::size_t i = 0; i < sources.size(); ++i) {
        const std::string_view cell = cells[sources[i]];
        values[static_cast<std::size_t>(row * width) + i] = table.is_missing(cell)
                                                                ? std::numeric_limits<float>::quiet_NaN()
                                                                : value(input().columns[i], cell, line);
      }
    });
  }
  std::int64_t size() const override { return values_.shape()[0]; }
  std::string describe(std::int64_t index) const override {
    return text(path_, ':', lines_[static_cast<std::size_t>(index)]);
  }

 protected:
  void read_input(std::int64_t index, Tensor& row) const override {
    ensure_type(row, DType::float32, input().shape);
    copy_elements(values_.slice(0, index, index + 1).reshaped(input().shape), row);
  }

 private:
  float value(const Column& column, std::string_view cell, std::int64_t line) const {
    if (column.kind == Column::Kind::categorical) {
      const auto found = std::find(column.labels.begin(), column.labels.end(), canonical(cell));
      require_user(found != column.labels.end(), path_, ':', line, ": column '", column.name, "' has '", cell,
                   "', which the training data did not have");
      return static_cast<float>(found - column.labels.begin());
    }
    const std::optional<double> number = parse_number(cell);
    require_user(number.has_value(), path_, ':', line, ": column '", column.name, "' has '", cell,
                 "', expected a number");
    return static_cast<float>(*number);
  }

  std::string path_;
  Tensor values_;
  std::vector<std::int64_t> lines_;
};

class Hdf5Rows : public UnlabelledDataset {
 public:
  Hdf5Rows(const std::string& path, const Schema& schema)
      : UnlabelledDataset(schema),
        file_(hdf5::File::open(path)),
        rows_(file_.dataset(input().name)),
        path_(path) {
    const Shape expected = input().shape.inserted(0, rows_.shape().rank() > 0 ? rows_.shape()[0] : 0);
    require_user(rows_.shape() == expected && rows_.dtype() == input().dtype, rows_.describe(), " is ",
                 rows_.dtype(), rows_.shape(), ", the model expects samples of ", input());
  }
  std::int64_t size() const override { return rows_.shape()[0]; }
  std::string describe(std::int64_t index) const override { return text(rows_.describe(), '[', index, ']'); }

 protected:
  void read_input(std::int64_t index, Tensor& row) const override {
    ensure_type(row, input().dtype, input().shape);
    Dims start = Dims::filled(rows_.shape().rank(), 0), count = rows_.shape();
    start[0] = index;
    count[0] = 1;
    rows_.read_block(start, count, row);
  }

 private:
  hdf5::File file_;
  hdf5::Dataset rows_;
  std::string path_;
};

}  // namespace

std::shared_ptr<const Dataset> open_prediction_input(const std::vector<std::string>& paths,
                                                     const Schema& schema) {
  for (const std::string& path : paths) require_user(fs::exists(path), path, ": does not exist");
  const std::string extension = lower_extension(paths[0]);
  if (paths.size() == 1 && (extension == ".csv" || extension == ".tsv"))
    return std::make_shared<CsvRows>(paths[0], schema);
  if (paths.size() == 1 && (extension == ".h5" || extension == ".hdf5"))
    return std::make_shared<Hdf5Rows>(paths[0], schema);
  return std::make_shared<ImageFiles>(paths, schema);
}

}  // namespace slipway
