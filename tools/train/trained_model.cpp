#include "tools/train/trained_model.h"

#include "tools/train/precision.h"
#include "tools/train/run_directory.h"
#include "tools/train/run_state.h"
#include "tools/train/schema_text.h"

namespace slipway {
namespace {

const std::string& text_of(const Checkpoint& checkpoint, const char* name, const std::string& path) {
  const auto found = checkpoint.texts.find(name);
  require_user(found != checkpoint.texts.end(), path, ": has no text '", name,
               "', expected a checkpoint of `slipway train`");
  return found->second;
}

}  // namespace

TrainedModel::TrainedModel(const std::string& path)
    : path_(find_checkpoint(path)),
      checkpoint_(read_checkpoint(path_)),
      config_(parse_run_config(checkpoint_.config, path_)),
      base_directory_(text_of(checkpoint_, kBaseDirectoryText, path_)) {
  pipeline_ = std::make_shared<Pipeline>(schema_from_json(text_of(checkpoint_, kSchemaText, path_), path_),
                                         config_.data.transforms);
  require_user(!pipeline_->needs_statistics(), path_,
               ": its configuration lacks the statistics of a transform");
  model_ = std::make_unique<Model>(config_, *pipeline_);
  const Model::Forward forward = model_->forward({.batch_size = 1});
  variables_.allocate(forward.graph);
  const Checkpoint::Tensors tensors = evaluated_tensors(checkpoint_);
  for (const std::string& name : variables_.names()) {
    const auto found = tensors.find(name);
    require_user(found != tensors.end(), path_, ": has no '", name,
                 "', which its configuration's model needs");
    require_user(found->second.shape() == variables_[name].shape(), path_, ": '", name, "' has shape ",
                 found->second.shape(), ", its configuration's model expects ", variables_[name].shape());
    variables_.write(name, found->second);
  }
}

void TrainedModel::deliver_to(Device device) {
  if (!device.is_host()) pipeline_->leave_images_to_graph();
}

Compute::Options TrainedModel::compute(const std::string& device, int threads) const {
  return {.device = device.empty() ? config_.device : device,
          .threads = threads,
          .deterministic = config_.is_deterministic(),
          .matrix_precision = matrix_precision(parse_precision(config_.precision))};
}

}  // namespace slipway
