#include <gtest/gtest.h>

#include "core/graph/graph.h"
#include "core/runtime/executor.h"
#include "core/runtime/step_state.h"
#include "tests/support/cuda_device.h"
#include "tests/support/projection.h"

namespace slipway::test {
namespace {

class CudaDevice : public CudaDeviceTest {};

Tensor counted(const Shape& shape) {
  const Tensor tensor(DType::float32, shape);
  float next = 0;
  for (float& value : tensor.as<float>()) value = next++;
  return tensor;
}

std::vector<float> values(const Tensor& tensor) {
  const Tensor host = tensor.to(Device{});
  return {host.as<float>().begin(), host.as<float>().end()};
}

TEST_F(CudaDevice, TensorsGoThereAndBack) {
  const Tensor x = counted({2, 3, 5});
  const Tensor there = x.to(device_);
  EXPECT_EQ(there.device(), device_);
  EXPECT_EQ(values(there), values(x));
  EXPECT_EQ(values(there.clone()), values(x));
  EXPECT_EQ(there.clone().device(), device_);
  EXPECT_EQ(values(there.slice(1, 1, 2)), values(x.slice(1, 1, 2)));
  EXPECT_EQ(values(there.cast(DType::float64).cast(DType::float32)), values(x));
  EXPECT_THROW(there.as<float>(), Error);
  EXPECT_THROW(there.at({0, 0, 0}), Error);
  EXPECT_THROW(there.slice(0, 0, 1).slice(1, 0, 1).slice(2, 0, 1).item(), Error);
  EXPECT_TRUE(values(Tensor(DType::float32, {0, 3}, device_)).empty());
}

TEST_F(CudaDevice, CopiesBetweenPlacements) {
  const Tensor x = counted({2, 20, 3, 3});
  const Layout blocked = Layout::blocked(x.shape(), {0, 1, 2, 3}, {{1, 16}});
  const Tensor there(ValueType(DType::float32, x.shape(), blocked), device_);
  copy_elements(x, there);
  EXPECT_EQ(values(there), values(x));
  const Tensor rows = Tensor::zeros(DType::float32, {3, 4}).to(device_);
  copy_elements(Tensor::full(DType::float64, {3, 2}, 7), rows.slice(1, 1, 3));  // between what stays
  EXPECT_EQ(values(rows), (std::vector<float>{0, 7, 7, 0, 0, 7, 7, 0, 0, 7, 7, 0}));
}

TEST_F(CudaDevice, CopiesInTheOrderOfTheStream) {
  const Tensor a = counted({4}), b = Tensor::zeros(DType::float32, {4});
  const Tensor x(DType::float32, {4}, device_), y(DType::float32, {4}, device_);
  enqueue_copy(stream_, a, x);
  a.as<float>()[0] = 9;  // the copy has read it
  enqueue_copy(stream_, x, y);
  enqueue_zeros(stream_, x.slice(0, 1, 3));
  enqueue_copy(stream_, x, b);
  EXPECT_EQ(values(b), (std::vector<float>{0, 0, 0, 3}));
  EXPECT_EQ(values(y), (std::vector<float>{0, 1, 2, 3}));
  EXPECT_THROW(enqueue_copy(Stream(), x, b), Error);
  EXPECT_THROW(enqueue_zeros(stream_, b), Error);
}

TEST_F(CudaDevice, SaysThatMemoryIsFull) {
  try {
    const Buffer buffer(device_, std::size_t{1} << 50);
    FAIL() << "a pebibyte was allocated";
  } catch (const Error& error) {
    EXPECT_NE(
        std::string(error.what()).find(to_string(device_) + ": out of memory for 1125899906842624 bytes"),
        std::string::npos)
        << error.what();
  }
  EXPECT_EQ(values(counted({3}).to(device_)), (std::vector<float>{0, 1, 2}));  // and nothing lingers
}

TEST_F(CudaDevice, KnowsItself) {
  const DeviceBackend& backend = device_backend(device_);
  const DeviceInfo info = backend.info(device_.index);
  EXPECT_FALSE(info.name.empty());
  EXPECT_GE(info.memory_bytes, info.free_bytes);
  EXPECT_GT(info.free_bytes, 0u);
  EXPECT_FALSE(backend.info(backend.count()).unusable.empty());
  EXPECT_THROW(Buffer({DeviceKind::cuda, backend.count()}, 16), Error);
}

TEST_F(CudaDevice, VariablesLiveThere) {
  Graph graph;
  graph.variable({.name = "weight", .shape = {3}, .initialize = [](const TensorView& view) {
                    copy_elements(counted({3}), view);
                  }});
  graph.variable({.name = "zero", .shape = {2, 2}});
  StepState::step(graph);
  Variables variables(stream_);
  variables.allocate(graph);
  EXPECT_EQ(variables["weight"].device(), device_);
  EXPECT_EQ(values(variables.read("weight")), (std::vector<float>{0, 1, 2}));
  EXPECT_EQ(values(variables.read("zero")), (std::vector<float>{0, 0, 0, 0}));
  variables.write("weight", Tensor::of<double>({3}, {4, 5, 6}));
  EXPECT_EQ(values(variables.read("weight")), (std::vector<float>{4, 5, 6}));
  StepState::set_step(variables, 12);
  EXPECT_EQ(variables.read(StepState::kStep).item(), 12);
  const Variables host = variables.on(Stream());
  EXPECT_EQ(host["weight"].at({1}), 5);
  EXPECT_EQ(values(host.on(stream_)["weight"]), (std::vector<float>{4, 5, 6}));
}

TEST_F(CudaDevice, RunsGraphs) {
  Graph graph;
  const Value x = graph.input("x", {DType::float32, {2}});
  const Value weight = graph.variable({.name = "weight", .shape = {2}});
  graph.output("sum", graph.add(Projection(), {x, weight, graph.constant(counted({2}))}));
  Variables variables(stream_), host_variables;
  variables.allocate(graph);
  host_variables.allocate(graph);
  Executor executor(graph, stream_, variables), reference(graph, Stream(), host_variables);
  EXPECT_THROW(Executor(graph, stream_, host_variables), Error);
  for (const double value : {1.0, 2.0, 3.0}) {
    const Tensor input = Tensor::full(DType::float32, {2}, value);
    const Tensor there = Tensor::full(DType::float32, {2}, 2 * value).to(device_);
    variables.write("weight", input);
    host_variables.write("weight", input);
    reference.bind("x", input);
    reference.run();
    executor.bind("x", there);
    executor.bind("x", input);
    input.as<float>()[0] = 99;
    executor.run();
    EXPECT_EQ(executor.output("sum").device, device_);
    input.as<float>()[0] = static_cast<float>(value);
    EXPECT_EQ(executor.read("sum").item(), reference.read("sum").item());
  }
}

}  // namespace
}  // namespace slipway::test
