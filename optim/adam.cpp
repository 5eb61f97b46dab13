#include "optim/adam.h"

#include "optim/update_op.h"

namespace slipway {
namespace {

class AdamUpdate : public UpdateOp {
 public:
  struct Options {
    double beta1;
    double beta2;
    double epsilon;
    bool amsgrad;
    AdamBase::Decay decay;
  };
  AdamUpdate(const Options& options, const std::vector<UpdateRange>& ranges,
             const std::vector<Segment>& segments)
      : UpdateOp(options.amsgrad ? 3 : 2, ranges, segments), options_(options) {}

  std::string_view name() const override {
    return options_.decay == AdamBase::Decay::decoupled ? "adamw_update" : "adam_update";
  }
  std::string attributes() const override {
    return text("betas=[", options_.beta1, ", ", options_.beta2, "] epsilon=", options_.epsilon,
                options_.amsgrad ? " amsgrad" : "");
  }

 protected:
  void update(const Stream& stream, const UpdateArgs& args, std::span<void* const> states) const override {
    adam_kernel(stream, {.update = args,
                         .first_moment = states[0],
                         .second_moment = states[1],
                         .largest_second_moment = options_.amsgrad ? states[2] : nullptr,
                         .beta1 = options_.beta1,
                         .beta2 = options_.beta2,
                         .epsilon = options_.epsilon,
                         .decoupled_decay = options_.decay == AdamBase::Decay::decoupled});
  }

 private:
  Options options_;
};

class Adam : public AdamBase {
 public:
  Adam() : AdamBase(Decay::coupled) {}
  void fields(FieldVisitor& visit) override {
    adam_fields(visit, "added to the gradient as weight_decay * parameter; see adamw for decoupled decay");
  }
};

const Register<Optimizer, Adam> registered("adam", "Adam (Kingma and Ba, 2015).");

}  // namespace

void AdamBase::adam_fields(FieldVisitor& visit, const char* weight_decay_help) {
  common_fields(visit, weight_decay_help);
  visit.field("betas", betas,
              {.help = "how much of the gradient's mean and of its square's is kept", .min = 0, .below = 1});
  visit.field("epsilon", epsilon, {.help = "added to the denominator", .min = 0});
  visit.field("amsgrad", amsgrad,
              {.help = "divide by the largest second moment so far (Reddi et al., 2018)"});
}

void AdamBase::check(ConfigErrors& errors) const {
  Optimizer::check(errors);
  if (betas.size() != 2) errors.add(where, text("betas: expected two numbers, got ", betas.size()));
}

void AdamBase::build(Graph& graph, const UpdateInputs& inputs, const std::vector<Segment>& segments) const {
  const AdamUpdate::Options options{
      .beta1 = betas[0], .beta2 = betas[1], .epsilon = epsilon, .amsgrad = amsgrad, .decay = decay_};
  std::vector<std::string> states = {"first_moment", "second_moment"};
  if (amsgrad) states.push_back("largest_second_moment");
  append_update(graph, std::make_shared<AdamUpdate>(options, updated_ranges(graph, inputs), segments), inputs,
                states);
}

}  // namespace slipway
