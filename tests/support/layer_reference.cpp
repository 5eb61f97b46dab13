#include "tests/support/layer_reference.h"

#include <gtest/gtest.h>

#include "core/graph/autograd.h"
#include "core/graph/passes/passes.h"
#include "core/io/hdf5.h"
#include "core/runtime/executor.h"
#include "layers/ops/structural.h"
#include "tests/support/layer_models.h"
#include "tests/support/op_case.h"
#include "tests/support/paths.h"
#include "tests/support/projection.h"

namespace slipway::test {
namespace {

/// One case of the file in one precision.
class ReferenceCase {
 public:
  ReferenceCase(const hdf5::Group& reference, DType dtype)
      : reference_(reference),
        dtype_(dtype),
        tolerance_(dtype == DType::float64 ? 1e-10 : reference.number_attribute("tolerance")),
        layers_(parse_layers(reference.read_string("config"))),
        input_(reference.read("input")) {
    if (input_.dtype() == DType::float64) input_ = input_.cast(dtype);
  }

  void training() {
    LayerGraph model = build(Mode::training);
    std::vector<Value> wrt = model.trainable();
    const bool has_input_gradient = reference_.contains("input_gradient");
    if (has_input_gradient) wrt.push_back(model.input);
    const Value loss = model.graph.add(Projection(), {model.output});
    const std::vector<Value> gradient = gradients(model.graph, loss, wrt, structural_ops());
    for (std::size_t i = 0; i < wrt.size(); ++i) {
      const std::string& name = model.graph.node(wrt[i].node).name;
      ASSERT_TRUE(gradient[i]) << name << " has no gradient";
      model.graph.output("gradient of " + name, gradient[i]);
    }
    run(model.graph);
    compare("output", "training_output");
    if (has_input_gradient) compare("gradient of input", "input_gradient");
    expect_same_names(model, "gradients", true);
    expect_same_names(model, "state_after", false);
    for (const std::string& name : names_in("gradients")) compare("gradient of " + name, "gradients/" + name);
    for (const std::string& name : names_in("state_after"))
      expect_close(variables_.read(name), "state_after/" + name);
  }

  void evaluation() {
    run(build(Mode::evaluation).graph);
    compare("output", "evaluation_output");
  }

 private:
  LayerGraph build(Mode mode) const { return {layers_, input_.type(), mode, dtype_}; }

  std::vector<std::string> names_in(const char* group) const {
    return reference_.contains(group) ? reference_.group(group).names() : std::vector<std::string>();
  }

  void expect_same_names(const LayerGraph& model, const char* group, bool trainable) const {
    std::vector<std::string> names;
    for (const Node& node : model.graph.nodes()) {
      if (node.kind == NodeKind::variable && node.variable.trainable == trainable) names.push_back(node.name);
    }
    std::sort(names.begin(), names.end());
    EXPECT_EQ(names, names_in(group));
  }

  void run(const Graph& built) {
    const Stream stream{.threads = 2};
    const Graph graph = assign_layouts(fuse(eliminate_dead_nodes(built)), stream, structural_ops(), nullptr);
    variables_ = Variables();
    variables_.allocate(graph);
    for (const std::string& name : names_in("variables")) {
      if (variables_.contains(name)) variables_.write(name, reference_.read("variables/" + name));
    }
    executor_ = std::make_unique<Executor>(graph, stream, variables_);
    executor_->bind("input", input_);
    executor_->run();
  }

  void compare(const std::string& output, const std::string& expected) const {
    const TensorView view = executor_->output(output);
    const Tensor copy(view.dtype(), view.shape());
    copy_elements(view, copy);
    expect_close(copy, expected);
  }

  void expect_close(const Tensor& actual, const std::string& expected) const {
    EXPECT_LE(relative_difference(actual, reference_.read(expected)), tolerance_)
        << expected << " in " << dtype_ << ":\n"
        << actual << '\n'
        << reference_.read(expected);
  }

  const hdf5::Group& reference_;
  DType dtype_;
  double tolerance_;
  LayerList layers_;
  Tensor input_;
  Variables variables_;
  std::unique_ptr<Executor> executor_;
};

}  // namespace

void expect_follows_pytorch(const std::string& group) {
  const hdf5::File file = hdf5::File::open(build_path("reference/layers.h5"));
  const hdf5::Group cases = file.group(group);
  ASSERT_FALSE(cases.names().empty());
  for (const std::string& name : cases.names()) {
    SCOPED_TRACE(group + "/" + name);
    const hdf5::Group reference = cases.group(name);
    for (const DType dtype : {DType::float64, DType::float32}) {
      ReferenceCase compared(reference, dtype);
      compared.training();
      compared.evaluation();
    }
  }
}

}  // namespace slipway::test
