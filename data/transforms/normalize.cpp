#include <string>
#include <vector>

#include "data/transform.h"
#include "data/transforms/scaling.h"

namespace slipway {
namespace {

struct Preset {
  const char* name;
  std::vector<double> mean, std;  // of pixels in [0, 1]
};

/// The values in common use, rounded as published with the field's reference models.
const std::vector<Preset>& presets() {
  static const std::vector<Preset> all = {
      {"imagenet", {0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}},
      {"mnist", {0.1307}, {0.3081}},
      {"cifar10", {0.4914, 0.4822, 0.4465}, {0.2470, 0.2435, 0.2616}},
      {"cifar100", {0.5071, 0.4865, 0.4409}, {0.2673, 0.2564, 0.2762}},
  };
  return all;
}

class Normalize : public GraphTransform {
 public:
  std::vector<double> mean, std;
  std::string preset;

  void fields(FieldVisitor& visit) override {
    std::vector<std::string> names = {""};
    for (const Preset& known : presets()) names.emplace_back(known.name);
    visit.field("mean", mean,
                {.help = "one a channel; mean and std left out: measured over the training set"});
    visit.field("std", std, {.help = "standard deviation, one a channel", .above = 0});
    visit.field("preset", preset, {.help = "published mean and std of pixels in [0, 1]", .choices = names});
    feature_field(visit);
  }

  void check(ConfigErrors& errors) const override {
    if (mean.size() != std.size()) {
      errors.add(where, text("normalize: ", mean.size(), " means and ", std.size(),
                             " deviations, expected as many of one as of the other"));
    }
    if (!preset.empty() && !mean.empty())
      errors.add(where, "normalize: has a preset and a mean, expected one of them");
  }

  Feature bind(const Feature& input) override {
    require_user(is_floating(input.dtype), "input '", input.name, "' is ", input.dtype,
                 ", expected to_float before");
    require_user(input.shape.rank() >= 1, "input '", input.name, "' is a single number, expected channels");
    for (const Preset& known : presets()) {
      if (preset != known.name) continue;
      mean_ = known.mean;
      std_ = known.std;
    }
    if (preset.empty()) {
      mean_ = mean;
      std_ = std;
    }
    channels_ = input.shape[0];
    if (mean_.size() == 1 && std_.size() == 1) {
      mean_.resize(static_cast<std::size_t>(channels_), mean_[0]);
      std_.resize(static_cast<std::size_t>(channels_), std_[0]);
    }
    if (!needs_statistics()) check_mean_and_std("normalize", mean_, std_, channels_);
    return input;
  }

  bool needs_statistics() const override { return mean_.empty(); }

  void measured(const Statistics& statistics) override {
    for (std::size_t i = 0; i < statistics.size(); ++i) {
      mean_.push_back(statistics.mean(i));
      std_.push_back(statistics.deviation(i) > 0 ? statistics.deviation(i) : 1);  // a constant channel
    }
    check_mean_and_std("normalize", mean_, std_, channels_);
    mean = mean_;
    std = std_;
  }

  std::vector<GraphStep> steps() const override { return {standardizing(mean_, std_)}; }

 private:
  std::vector<double> mean_, std_;  // of every channel
  std::int64_t channels_ = 0;
};

const Register<Transform, Normalize> registered("normalize", "(x - mean) / std, per channel");

}  // namespace
}  // namespace slipway
