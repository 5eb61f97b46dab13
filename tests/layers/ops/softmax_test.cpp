#include "layers/ops/softmax.h"

#include "tests/support/op_case.h"
#include "tests/support/torch.h"

namespace slipway::test {
namespace {

OpCase softmax(const char* name, std::int64_t axis, const Shape& shape,
               SoftmaxKind kind = SoftmaxKind::softmax) {
  return {.name = name,
          .op = std::make_shared<Softmax>(axis, kind),
          .inputs = {{.shape = shape, .low = -4, .high = 4}}};
}

OP_CASES(Softmax, {softmax("rows", -1, {7, 10}), softmax("one", 1, {3, 1}), softmax("vector", 0, {37}),
                   softmax("channels", 1, {2, 5, 3, 7}), softmax("first", 0, {3, 70}),
                   softmax("parallel", -1, {401, 101}), softmax("parallel_channels", 1, {3, 20, 1001}),
                   softmax("log_rows", -1, {7, 10}, SoftmaxKind::log_softmax),
                   softmax("log_channels", 1, {2, 5, 3, 7}, SoftmaxKind::log_softmax),
                   softmax("log_parallel", -1, {401, 101}, SoftmaxKind::log_softmax)});

// Not exported: onnxruntime refuses a softmax over nothing.
OP_CASES(
    SoftmaxEmpty,
    {{.name = "no_rows", .op = std::make_shared<Softmax>(), .inputs = {{.shape = {0, 3}}}, .onnx = false},
     {.name = "no_elements",
      .op = std::make_shared<Softmax>(),
      .inputs = {{.shape = {3, 0}}},
      .onnx = false}});

TEST(Softmax, FollowsPyTorch) {
  const hdf5::File reference = torch_reference(
      "for axis, shape in ((1, (9, 33)), (1, (2, 5, 40)), (0, (6, 3))):\n"
      "    for name in 'softmax', 'log_softmax':\n"
      "        x = (torch.randn(shape) * 5).requires_grad_(); dy = torch.randn(shape)\n"
      "        y = getattr(torch, name)(x, axis); y.backward(dy)\n"
      "        save_all(f'{name}{axis}{len(shape)}', x=x, y=y, axis=axis, log=int(name == 'log_softmax'))\n"
      "save_all('extreme', x=torch.tensor([[1e4, 0, -1e4, -numpy.inf]]), y=torch.tensor([[1.0, 0, 0, 0]]), "
      "axis=1, "
      "log=0)\n");
  for (const std::string& name : reference.names()) {
    const hdf5::Group group = reference.group(name);
    const auto axis = static_cast<std::int64_t>(group.read("axis").item());
    const Softmax op(axis, group.read("log").item() != 0 ? SoftmaxKind::log_softmax : SoftmaxKind::softmax);
    EXPECT_LE(relative_difference(run_op(op, {group.read("x")}), group.read("y")), 1e-14) << name;
    EXPECT_LE(relative_difference(run_op(op, {group.read("x").cast(DType::float32)}), group.read("y")), 1e-6)
        << name;
  }
}

TEST(Softmax, RefusesAnAxisThatIsNotThere) {
  EXPECT_THROW(run_op(Softmax(2), {Tensor::zeros(DType::float32, {2, 3})}), Error);
  EXPECT_THROW(run_op(Softmax(), {Tensor::zeros(DType::int64, {2, 3})}), Error);
}

}  // namespace
}  // namespace slipway::test
