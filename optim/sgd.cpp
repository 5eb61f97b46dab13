#include "optim/update_op.h"

namespace slipway {
namespace {

class SgdUpdate : public UpdateOp {
 public:
  struct Options {
    double momentum;
    double dampening;
    bool nesterov;
  };
  SgdUpdate(const Options& options, const std::vector<UpdateRange>& ranges,
            const std::vector<Segment>& segments)
      : UpdateOp(options.momentum > 0 ? 1 : 0, ranges, segments), options_(options) {}

  std::string_view name() const override { return "sgd_update"; }
  std::string attributes() const override {
    return text("momentum=", options_.momentum, " dampening=", options_.dampening,
                options_.nesterov ? " nesterov" : "");
  }

 protected:
  void update(const Stream& stream, const UpdateArgs& args, std::span<void* const> states) const override {
    sgd_kernel(stream, {.update = args,
                        .momentum_buffer = options_.momentum > 0 ? states[0] : nullptr,
                        .momentum = options_.momentum,
                        .dampening = options_.dampening,
                        .nesterov = options_.nesterov});
  }

 private:
  Options options_;
};

class Sgd : public Optimizer {
 public:
  double momentum = 0;
  double dampening = 0;
  bool nesterov = false;

  Sgd() { learning_rate = 0.01; }
  void fields(FieldVisitor& visit) override {
    common_fields(visit, "added to the gradient as weight_decay * parameter");
    visit.field("momentum", momentum, {.help = "share of the last step that is kept", .min = 0, .below = 1});
    visit.field("dampening", dampening,
                {.help = "share of the gradient that momentum leaves out", .min = 0, .max = 1});
    visit.field("nesterov", nesterov, {.help = "look ahead along the momentum"});
  }
  void check(ConfigErrors& errors) const override {
    Optimizer::check(errors);
    if (nesterov && (momentum == 0 || dampening != 0)) {
      errors.add(where, "sgd: nesterov needs a momentum above 0 and no dampening");
    }
  }
  void build(Graph& graph, const UpdateInputs& inputs, const std::vector<Segment>& segments) const override {
    const SgdUpdate::Options options{.momentum = momentum, .dampening = dampening, .nesterov = nesterov};
    std::vector<std::string> states;
    if (momentum > 0) states.push_back("momentum");
    append_update(graph, std::make_shared<SgdUpdate>(options, updated_ranges(graph, inputs), segments),
                  inputs, states);
  }
};

const Register<Optimizer, Sgd> registered("sgd", "Stochastic gradient descent, with momentum if wanted.");

}  // namespace
}  // namespace slipway
