#include "core/graph/gradient_check.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "core/base/random.h"
#include "core/graph/autograd.h"
#include "core/graph/passes/passes.h"
#include "core/runtime/executor.h"

namespace slipway {
namespace {

constexpr const char* kLoss = "gradient_check.loss";
constexpr double kFloor = 1e-2;  // of the largest gradient: what is smaller is measured against this
// Of the loss: the same. Rounding leaves some 1e-11 of it in the differences, so that a gradient which
// vanishes, as that of a bias in front of a batch normalisation, would be measured against noise.
constexpr double kLossFloor = 1e-5;
constexpr double kKink = 1e-6;  // of the floor: the part of the differences that a smooth loss may leave

std::string gradient_name(std::size_t i) { return text("gradient_check.", i); }

/// The graph with no outputs but the loss.
Graph with_loss_only(const GradientCheckModel& model) {
  Graph graph = model.graph;
  const auto outputs = graph.outputs();
  for (const auto& [name, value] : outputs) graph.drop_output(name);
  graph.output(kLoss, model.loss);
  return graph;
}

class GradientChecker {
 public:
  GradientChecker(const GradientCheckModel& model, std::span<const Value> wrt, const StructuralOps& ops,
                  const GradientCheckOptions& options, const Stream& stream)
      : options_(options), variables_(model.variables) {
    const ValueType& loss = model.graph.type(model.loss);
    require(loss.dtype == DType::float64 && loss.elements() == 1,
            "gradient check: expects a float64 scalar as the loss, got ", loss);
    Graph backward = with_loss_only(model);
    const std::vector<Value> gradients = slipway::gradients(backward, model.loss, wrt, ops);
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      if (gradients[i]) backward.output(gradient_name(i), gradients[i]);
    }
    for (const auto& [name, tensor] : model.inputs) inputs_[name] = tensor.clone();
    forward_.emplace(eliminate_dead_nodes(with_loss_only(model)), stream, model.variables);
    Executor executor(eliminate_dead_nodes(backward), stream, model.variables);
    bind_all(*forward_);
    bind_all(executor);
    executor.run();

    for (std::size_t i = 0; i < wrt.size(); ++i) {
      const Node& node = model.graph.node(wrt[i].node);
      require(node.kind == NodeKind::input || node.kind == NodeKind::variable,
              "gradient check: only inputs and variables can be perturbed, not ", node.name);
      Perturbed value{.name = node.name, .kind = node.kind};
      value.host = node.kind == NodeKind::input ? inputs_.at(node.name) : model.variables.read(node.name);
      std::vector<double> analytic(static_cast<std::size_t>(value.host.elements()), 0.0);
      if (gradients[i]) {
        const Tensor computed = executor.read(gradient_name(i));
        std::copy(computed.as<double>().begin(), computed.as<double>().end(), analytic.begin());
      }
      errors_.push_back(check(value, analytic));
    }
  }

  std::vector<GradientError> errors() && { return std::move(errors_); }

 private:
  void bind_all(Executor& executor) {
    for (const auto& [name, tensor] : inputs_) executor.bind(name, tensor);
  }

  /// An input or a variable, one element of which is changed at a time.
  struct Perturbed {
    std::string name;
    NodeKind kind;
    Tensor host;
  };

  double loss(const Perturbed& value) {
    if (value.kind == NodeKind::input)
      forward_->bind(value.name, value.host);
    else
      variables_.enqueue_write(value.name, value.host);
    forward_->run();
    return forward_->read(kLoss).item();
  }

  GradientError check(const Perturbed& value, const std::vector<double>& analytic) {
    GradientError error{.name = value.name};
    double largest = 0;
    for (const double gradient : analytic) largest = std::max(largest, std::abs(gradient));
    for (const std::int64_t element : choose(value.name, value.host.elements())) {
      compare(
          error, value,
          {.element = element, .analytic = analytic[static_cast<std::size_t>(element)], .largest = largest});
    }
    return error;
  }

  std::vector<std::int64_t> choose(const std::string& name, std::int64_t count) const {
    std::vector<std::int64_t> elements(static_cast<std::size_t>(count));
    std::iota(elements.begin(), elements.end(), 0);
    if (count <= options_.elements) return elements;
    RandomSequence random({.key = random_key(options_.seed, name)});
    for (std::size_t i = 0; i < static_cast<std::size_t>(options_.elements); ++i) {
      std::swap(elements[i], elements[i + random.below(elements.size() - i)]);
    }
    elements.resize(static_cast<std::size_t>(options_.elements));
    return elements;
  }

  struct Comparison {
    std::int64_t element;
    double analytic;
    double largest;  // gradient of the value
  };

  void compare(GradientError& error, const Perturbed& value, const Comparison& comparison) {
    const double analytic = comparison.analytic;
    double& x = value.host.as<double>()[static_cast<std::size_t>(comparison.element)];
    const double original = x;
    const auto at = [&](double offset) {
      x = original + offset;
      return loss(value);
    };
    const double h = options_.step * std::max(1.0, std::abs(original));
    const double right = at(h), left = at(-h), near_right = at(h / 2), near_left = at(-h / 2);
    const double middle = at(0);
    const double wide = (right - left) / (2 * h), narrow = (near_right - near_left) / h;
    const double bend = (right - 2 * middle + left) / h;
    const double near_bend = 2 * (near_right - 2 * middle + near_left) / h;
    const double numeric = (4 * narrow - wide) / 3;

    const double floor = std::max(kFloor * comparison.largest, kLossFloor * std::abs(middle) + 1e-12);
    const double scale = std::max({std::abs(analytic), std::abs(numeric), floor});
    // A kink adds a part to the bend that does not halve with the step, or moves the slope.
    const double rounding = 1e-10 * std::abs(middle);
    if (std::max(std::abs(bend - 2 * near_bend), std::abs(wide - narrow)) > kKink * scale + rounding) {
      ++error.skipped;
      return;
    }
    double relative = std::abs(analytic - numeric) / scale;
    if (std::isnan(relative)) relative = std::numeric_limits<double>::infinity();
    if (error.checked++ == 0 || relative > error.worst) {
      error.worst = relative;
      error.element = comparison.element;
      error.analytic = analytic;
      error.numeric = numeric;
    }
  }

  GradientCheckOptions options_;
  const Variables& variables_;
  std::map<std::string, Tensor> inputs_;
  std::optional<Executor> forward_;
  std::vector<GradientError> errors_;
};

}  // namespace

std::vector<GradientError> check_gradients(const GradientCheckModel& model, std::span<const Value> wrt,
                                           const StructuralOps& ops, const GradientCheckOptions& options,
                                           const Stream& stream) {
  return GradientChecker(model, wrt, ops, options, stream).errors();
}

}  // namespace slipway
