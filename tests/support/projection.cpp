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

/// The values on the host, wherever the op runs.
Tensor on_host(const Stream& stream, const TensorView& view) {
  const Tensor host(view.dtype(), view.shape());
  enqueue_copy(stream, view, host);
  return host;
}

template <class Body>
void visit(DType dtype, Body&& body) {
  visit_dtype(dtype, [&]<class T>() {
    if constexpr (std::is_floating_point_v<T>)
      body.template operator()<T>();
    else if constexpr (std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>)
      body.template operator()<T>();
    else
      throw Error(text("projection: expects a floating-point dtype, got ", dtype));
  });
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
    const double dloss = on_host(context.stream, context.input(0)).item();
    const Tensor dx(context.output().dtype(), shape_);
    visit(dx.dtype(), [&]<class T>() {
      std::int64_t i = 0;
      for (T& element : dx.as<T>()) element = T(weight(input_, i++) * dloss);
    });
    enqueue_copy(context.stream, dx, context.output());
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
  double sum = 0;
  for (std::size_t k = 0; k < context.inputs.size(); ++k) {
    const Tensor x = on_host(context.stream, context.inputs[k]).cast(DType::float64);
    std::int64_t i = 0;
    for (const double value : x.as<double>()) sum += weight(static_cast<int>(k), i++) * value;
  }
  enqueue_copy(context.stream, Tensor::scalar(sum).cast(context.output().dtype()), context.output());
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
