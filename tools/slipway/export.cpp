#include <filesystem>
#include <iostream>

#include "tools/slipway/shared_options.h"
#include "tools/slipway/verb.h"
#include "tools/train/export_bundle.h"
#include "tools/train/project.h"

namespace slipway {
namespace {

std::string size_text(std::uintmax_t bytes) {
  constexpr std::uintmax_t kKibi = 1024, kMebi = kKibi * kKibi;
  if (bytes >= kMebi) return text((bytes + kMebi / 2) / kMebi, " MiB");
  return bytes >= kKibi ? text((bytes + kKibi / 2) / kKibi, " KiB") : text(bytes, " bytes");
}

class ExportVerb : public Verb {
 public:
  std::string name() const override { return "export"; }
  std::string summary() const override { return "Write a trained model as ONNX for JavaScript applications"; }
  std::string details() const override {
    return "Writes model.onnx, whose graph includes the preprocessing, so that JavaScript passes raw pixels "
           "or\n"
           "columns; slipway.json, which describes input and output; golden.json, an input and what Slipway\n"
           "computes from it; and example.mjs, which runs the model in Node.js.\n\n"
           "Examples:\n  slipway export runs/mnist_cnn\n"
           "  slipway export runs/mnist_cnn/checkpoints/last.h5 -o web/model";
  }
  void options(CLI::App& app) override {
    add_trained_model_option(app, model_);
    app.add_option("-o,--output", directory_, "directory to write to; by default `export` in the run");
    add_threads_option(app, threads_);
  }
  int run() override {
    if (directory_.empty()) {
      require_user(std::filesystem::is_directory(model_), model_,
                   " is no run's directory: -o must say where to export to");
      directory_ = (std::filesystem::path(model_) / "export").string();
    }
    const TrainedModel trained(model_);
    const ExportBundle bundle = export_bundle(
        trained, directory_, {.threads = threads_, .deterministic = trained.config().is_deterministic()});
    report(trained, bundle);
    return 0;
  }

 private:
  void report(const TrainedModel& trained, const ExportBundle& bundle) const {
    const nlohmann::ordered_json& json = bundle.description.json;
    std::cout << "Exported " << trained.checkpoint_path() << " (step " << trained.checkpoint().progress.step
              << ") to " << directory_ << ":\n";
    for (const std::string& file : bundle.files) {
      std::cout << "  " << file << std::string(file.size() < 18 ? 18 - file.size() : 1, ' ')
                << size_text(std::filesystem::file_size(std::filesystem::path(directory_) / file)) << '\n';
    }
    const auto shape = [](const nlohmann::ordered_json& value) {
      std::string line =
          text(value["name"].get<std::string>(), ": ", value["dtype"].get<std::string>(), " [");
      const char* separator = "";
      for (const auto& size : value["shape"]) {
        line += separator + (size.is_string() ? size.get<std::string>() : size.dump());
        separator = ", ";
      }
      return line + "]";
    };
    std::cout << "Input   " << shape(json["inputs"][0]) << "\nOutput  " << shape(json["outputs"][0]);
    if (bundle.description.activation != "none") std::cout << ", before " << bundle.description.activation;
    std::cout << "\nTask    " << bundle.description.task << "; golden samples: " << bundle.golden_origin
              << "\n\nNext: in a folder with `npm install onnxruntime-node`, copy the files and run "
                 "example.mjs:\n\n"
              << bundle.example << std::flush;
  }

  std::string model_, directory_;
  int threads_ = default_threads();
};

const RegisterVerb<ExportVerb> registered;

}  // namespace
}  // namespace slipway
