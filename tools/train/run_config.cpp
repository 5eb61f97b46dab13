#include "tools/train/run_config.h"

#include <bit>
#include <filesystem>

#include "core/base/config_blocks.h"
#include "tools/train/precision.h"

namespace slipway {

void DataConfig::fields(FieldVisitor& visit) {
  visit.field("train", train, {.help = "the samples to learn from", .required = true});
  visit.field("validation", validation, {.help = "samples that measure progress after each epoch"});
  visit.field("test", test, {.help = "samples for the final measurement; by default the validation set"});
  visit.field("split", split, {.help = "holds part of `train` out for validation"});
  visit.field("transforms", transforms, {.help = "what happens to each sample before the first layer"});
  visit.field("workers", workers,
              {.help = "threads that read and transform samples ahead", .min = 0, .max = 256});
}

void CheckpointConfig::fields(FieldVisitor& visit) {
  visit.field("every_epochs", every_epochs,
              {.help = "epochs between checkpoints; 0: not by epochs", .min = 0});
  visit.field("every_steps", every_steps, {.help = "steps between checkpoints; 0: not by steps", .min = 0});
  visit.field("every_minutes", every_minutes,
              {.help = "minutes between checkpoints; 0: not by time", .min = 0});
  visit.field("keep", keep,
              {.help = "how many regular checkpoints stay besides the best and the last", .min = 0});
}

void EarlyStoppingConfig::fields(FieldVisitor& visit) {
  visit.field("patience", patience,
              {.help = "epochs without improvement after which training stops; 0: never",
               .positional = true,
               .min = 0});
  visit.field("min_delta", min_delta, {.help = "smallest change that counts as an improvement", .min = 0});
}

void TrainConfig::fields(FieldVisitor& visit) {
  visit.field("epochs", epochs, {.help = "passes over the training set", .min = 0});
  visit.field("max_steps", max_steps,
              {.help = "optimizer steps after which training stops; 0: only by epochs", .min = 0});
  visit.field("batch_size", batch_size, {.help = "samples a step, of all ranks together", .min = 1});
  visit.field("evaluation_batch_size", evaluation_batch_size,
              {.help = "samples a batch in evaluation; 0: batch_size", .min = 0});
  visit.field("accumulate", accumulate,
              {.help = "batches whose gradients make one optimizer step", .min = 1});
  visit.field("drop_last", drop_last, {.help = "leave out an epoch's last batch if it is not full"});
  visit.field(
      "uneven_batches", uneven_batches,
      {.help =
           "of several ranks, some may have one sample of a batch more than others; by default batch_size "
           "must divide by their number"});
  visit.field(
      "virtual_shards", virtual_shards,
      {.help = "with `deterministic: ranks`, parts of a batch over which is summed in a fixed order: a "
               "power of two",
       .min = 1,
       .max = 1024});
  visit.field("wire", wire,
              {.help = "in what ranks send each other gradients: float32, or bfloat16, half the bytes",
               .choices = {"float32", "bfloat16"}});
  visit.field("optimizer", optimizer, {.help = "how gradients change parameters", .required = true});
  visit.field(
      "shard_optimizer", shard_optimizer,
      {.help = "ranks divide the optimizer's state among themselves instead of each keeping all of it "
               "(ZeRO stage 1)"});
  visit.field("schedule", schedule,
              {.help = "how the learning rate changes over the steps; by default it doesn't"});
  visit.field("clip_norm", clip_norm, {.help = "largest norm of the gradient; 0: no clipping", .min = 0});
  visit.field(
      "loss_scale", loss_scale,
      {.help = "first factor on the loss in precision float16; it then changes by itself", .above = 0});
  visit.field(
      "average_decay", average_decay,
      {.help = "decay of the moving average of the weights, which evaluation and export then use; 0: none",
       .min = 0,
       .below = 1});
  visit.field(
      "recompute", recompute,
      {.help = "values of the forward pass that are computed again in the backward pass instead of being "
               "kept, which saves memory and takes time: none; blocks, all but what goes from one "
               "residual, branch, sequence, named block or repetition to the next; all, as many as "
               "memory gains by",
       .choices = {"none", "blocks", "all"}});
  visit.field("freeze", freeze, {.help = "parameters that are not trained, by name with * and ?"});
  visit.field("init_from", init_from,
              {.help = "checkpoint whose parameters of the same name and shape are taken over"});
  visit.field("monitor", monitor,
              {.help = "figure by which a checkpoint is the best, the first of equal ones; by default the "
                       "first metric, else the loss"});
  visit.field("checkpoint", checkpoint, {.help = "when the run is saved"});
  visit.field("early_stopping", early_stopping, {.help = "when to stop without improvement"});
}

void RunConfig::fields(FieldVisitor& visit) {
  visit.field("name", name, {.help = "name of the run and its directory; by default the file's name"});
  visit.field("seed", seed, {.help = "of everything random", .min = 0});
  visit.field(
      "deterministic", deterministic,
      {.help = "true: the same bits for every number of threads, at some cost; ranks: for every number "
               "of ranks that divides virtual_shards, too",
       .choices = {"false", "true", "ranks"}});
  visit.field("device", device,
              {.help = "where to compute: cpu, cuda, cuda:N, or auto, the first GPU if there is one"});
  visit.field(
      "precision", precision,
      {.help = "in what a GPU computes: float32; tf32, float32 whose products round their factors; bfloat16 "
               "or float16, which is mixed with float32 and keeps float32 parameters",
       .choices = precision_names()});
  visit.field("capture", capture,
              {.help = "on a GPU: record a step once and replay it, which spares the host most of its work"});
  visit.field("data", data, {.help = "samples and what happens to them", .required = true});
  visit.field("blocks", blocks,
              {.help = "parts of models by name, with parameters, to be used like layers",
               .blocks_of = Registry<Layer>::kind().name().c_str()});
  model.field(visit, "model", {.help = "layers, each reading the one before", .required = true});
  visit.field("loss", loss, {.help = "what training minimises", .required = true});
  visit.field("metrics", metrics, {.help = "what is measured besides the loss"});
  visit.field("train", train, {.help = "how the model is fitted", .required = true});
}

namespace {

RunConfig read(const ConfigNode& root, const std::string& default_name, ConfigErrors& errors) {
  require_user(root.is_mapping(), root.where(), ": expected a mapping with data, model, loss and train");
  std::vector<ConfigNode::Entry> entries;
  const ConfigNode* blocks = root.find("blocks");
  for (const ConfigNode::Entry& entry : root.entries()) {
    if (entry.key == "blocks") continue;
    entries.push_back(entry);
    if (entry.key == "model" && blocks) {
      entries.back().value =
          expand_blocks(entry.value, *blocks, {Registry<Layer>::kind(), "sequence"}, errors);
    }
  }
  errors.throw_if_any();
  RunConfig config;
  config.name = default_name;
  if (const ConfigNode* precision = root.find("precision")) config.precision_where = precision->where();
  read_component(ConfigNode::make_mapping(std::move(entries), root.where()), config, errors);
  if (config.data.split.fraction > 0 && config.data.validation) {
    errors.add(config.data.split.where,
               "split holds validation samples out of train, but `validation` is given too; "
               "expected one of the two");
  }
  if (!std::has_single_bit(static_cast<std::uint64_t>(config.train.virtual_shards))) {
    errors.add(config.train.where,
               text("virtual_shards is ", config.train.virtual_shards, ", expected a power of two"));
  }
  if (config.fixes_parts() && config.train.wire != "float32") {
    errors.add(config.train.where,
               text("wire: ", config.train.wire,
                    " rounds sums of ranks, expected float32 with `deterministic: ranks`"));
  }
  if (!config.train.schedule) config.train.schedule = Slot<Schedule>("constant");
  return config;
}

}  // namespace

RunConfig load_run_config(const std::string& path, const std::vector<std::string>& assignments,
                          ConfigErrors& errors) {
  ConfigNode root = ConfigNode::load(path);
  for (const std::string& assignment : assignments) {
    const std::size_t equals = assignment.find('=');
    require_user(equals != std::string::npos && equals > 0, "--set ", assignment,
                 ": expected KEY=VALUE, such as ", "train.epochs=3");
    root = root.with(assignment.substr(0, equals), assignment.substr(equals + 1));
  }
  return read(root, std::filesystem::path(path).stem().string(), errors);
}

RunConfig parse_run_config(const std::string& yaml, const std::string& name) {
  ConfigErrors errors;
  RunConfig config = read(ConfigNode::parse(yaml, name), std::filesystem::path(name).stem().string(), errors);
  errors.throw_if_any();
  return config;
}

}  // namespace slipway
