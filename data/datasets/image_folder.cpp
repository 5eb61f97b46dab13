#include <algorithm>
#include <cctype>
#include <cstring>
#include <mutex>

#include "data/dataset.h"
#include "data/formats/bytes.h"
#include "data/formats/image.h"

namespace slipway {
namespace {

namespace fs = std::filesystem;

bool is_image(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png";
}

/// The names of a directory's entries that `wanted` accepts, sorted; hidden ones are left out.
template <class Wanted>
std::vector<std::string> list(const fs::path& directory, Wanted&& wanted) {
  std::error_code failure;
  std::vector<std::string> names;
  for (fs::directory_iterator entry(directory, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    const std::string name = entry->path().filename().string();
    if (name.front() != '.' && wanted(*entry)) names.push_back(name);
  }
  require_user(!failure, directory.string(), ": cannot be listed: ", failure.message());
  std::sort(names.begin(), names.end());
  return names;
}

class ImageFolder : public Dataset {
 public:
  std::string path, color = "rgb";
  std::vector<std::string> classes;
  bool cache = false;

  void fields(FieldVisitor& visit) override {
    visit.field("path", path,
                {.help = "directory with a sub-directory of JPEG or PNG files a class",
                 .required = true,
                 .positional = true});
    visit.field("color", color, {.help = "three channels or one", .choices = {"rgb", "grey"}});
    visit.field("classes", classes,
                {.help = "sub-directories in the order of their labels; empty: all, sorted"});
    visit.field("cache", cache, {.help = "keep decoded images in memory"});
  }

  std::optional<Schema> peek(const std::string&) const override { return schema(); }
  void open(const std::string& base_directory) override {
    directory_ = resolve_path(base_directory, path);
    const auto folders =
        list(directory_, [](const fs::directory_entry& entry) { return entry.is_directory(); });
    labels_ = classes.empty() ? folders : classes;
    if (expected() != nullptr) labels_ = expected()->targets.at(0).labels;
    require_user(!labels_.empty(), directory_.string(), ": has no sub-directories, expected one a class");
    for (std::size_t label = 0; label < labels_.size(); ++label) {
      const fs::path folder = directory_ / labels_[label];
      // Not every class of training needs samples elsewhere.
      if (expected() != nullptr && !fs::is_directory(folder)) continue;
      const auto files = list(folder, [](const fs::directory_entry& entry) {
        return entry.is_regular_file() && is_image(entry.path());
      });
      require_user(!files.empty(), folder.string(), ": has no files *.jpg, *.jpeg or *.png");
      for (const std::string& file : files)
        items_.push_back({labels_[label] + "/" + file, static_cast<std::int64_t>(label)});
    }
    for (const std::string& folder : folders) {
      require_user(!classes.empty() || std::find(labels_.begin(), labels_.end(), folder) != labels_.end(),
                   (directory_ / folder).string(), ": is no class of training, which has ",
                   schema().targets[0]);
    }
    require_user(!items_.empty(), directory_.string(), ": has no images of the classes of training");
    if (cache) cached_.resize(items_.size());
  }

  Schema schema() const override {
    return {.inputs = {{.name = "image",
                        .kind = Feature::Kind::image,
                        .dtype = DType::uint8,
                        .shape = {channels(), -1, -1}}},
            .targets = {{.name = "label",
                         .kind = Feature::Kind::label,
                         .dtype = DType::int64,
                         .shape = {},
                         .labels = labels_}}};
  }

  std::int64_t size() const override { return static_cast<std::int64_t>(items_.size()); }

  void read(std::int64_t index, Sample& sample) const override {
    const Item& item = this->item(index);
    sample.resize(2);
    read_image(static_cast<std::size_t>(index), sample[0]);
    ensure_type(sample[1], DType::int64, {});
    sample[1].as<std::int64_t>()[0] = item.label;
  }

  std::int64_t label(std::int64_t index) const override { return item(index).label; }
  std::string describe(std::int64_t index) const override { return item(index).file; }

 private:
  struct Item {
    std::string file;  // below the directory
    std::int64_t label;
  };

  std::int64_t channels() const { return color == "rgb" ? 3 : 1; }

  const Item& item(std::int64_t index) const {
    require(index >= 0 && index < size(), "image ", index, " of ", size());
    return items_[static_cast<std::size_t>(index)];
  }

  void read_image(std::size_t index, Tensor& image) const {
    Tensor known;
    if (cache) {
      const std::lock_guard lock(mutex_);
      known = cached_[index];
    }
    if (known.defined()) {
      ensure_type(image, known.dtype(), known.shape());
      std::memcpy(image.view().data, known.view().data, known.type().bytes());
      return;
    }
    const std::string file = (directory_ / items_[index].file).string();
    decode_image(bytes_of(read_file(file)), file, channels(), image);
    if (cache) {
      known = image.clone();
      const std::lock_guard lock(mutex_);
      cached_[index] = known;
    }
  }

  fs::path directory_;
  std::vector<std::string> labels_;
  std::vector<Item> items_;
  mutable std::mutex mutex_;
  mutable std::vector<Tensor> cached_;
};

const Register<Dataset, ImageFolder> registered("image_folder",
                                                "a directory with a sub-directory of images a class");

}  // namespace
}  // namespace slipway
