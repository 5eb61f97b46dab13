#include "tests/support/projection.h"

namespace slipway::test {
namespace {

double weight(int input, std::int64_t element) {
  const std::uint64_t mixed =
      (static_cast<std::uint64_t>(element) * 8 + static_cast<std::uint64_t>(input) + 1) *
      0x9e3779b97f4a7c15ull;
  const double magnitude = 0.5 + static_cast<double>(mixed >> 11) * 0x1p-53;
  return (mixed >> 7) & 1 ? magnitude : -magnitude;
}

template <class Body>
void visit(DType dtype, Body&& body) {
  if (dtype == DType::float32)
    body.template operator()<float>();
  else
    body.template operator()<double>();
}

/// loss = sum w x;  dx = w dloss
class ProjectionGradient : public Op {
 public:
  ProjectionGradient(int input, Shape shape) : input_(input), shape_(shape) {}
  std::string_view name() const override { return "projection_gradient"; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    return {{inputs[0].dtype, shape_}};
  }
  void run(OpContext& context) const override {
    visit(context.output().dtype(), [&]<class T>() {
      const double dloss = static_cast<double>(context.input(0).as<T>()[0]);
      std::int64_t i = 0;
      for (T& dx : context.output().as<T>()) dx = static_cast<T>(weight(input_, i++) * dloss);
    });
  }

 private:
  int input_;
  Shape shape_;
};

}  // namespace

std::vector<ValueType> Projection::infer(std::span<const ValueType> inputs) const {
  require(!inputs.empty(), name(), ": nothing to project");
  return {{inputs[0].dtype, Shape{}}};
}

void Projection::run(OpContext& context) const {
  visit(context.output().dtype(), [&]<class T>() {
    double sum = 0;
    for (std::size_t k = 0; k < context.inputs.size(); ++k) {
      std::int64_t i = 0;
      for (const T x : context.inputs[k].as<T>()) {
        sum += weight(static_cast<int>(k), i++) * static_cast<double>(x);
      }
    }
    context.output().as<T>()[0] = static_cast<T>(sum);
  });
}

std::vector<Value> Projection::vjp(VjpContext& context) const {
  std::vector<Value> gradients;
  for (int i = 0; i < context.inputs(); ++i) {
    gradients.push_back(
        context.add(ProjectionGradient(i, context.type(context.input(i)).shape), {context.gradient()}));
  }
  return gradients;
}

}  // namespace slipway::test
