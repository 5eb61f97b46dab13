#include <gtest/gtest.h>

#include <cmath>

#include "core/runtime/executor.h"
#include "layers/metric.h"
#include "tests/support/torch.h"

namespace slipway::test {
namespace {

struct Figures {
  std::map<std::string, double> results;
  Tensor sum;
};

/// A metric over a dataset in batches of 32, the last one smaller.
Figures evaluate(const std::string& yaml, const Tensor& output, const Tensor& target, int threads = 1) {
  Slot<Metric> metric;
  ConfigErrors errors;
  read_slot(ConfigNode::parse(yaml, "test.yaml"), metric, errors);
  errors.throw_if_any();
  Figures figures;
  const std::int64_t samples = output.shape()[0];
  for (std::int64_t begin = 0; begin < samples; begin += 32) {
    const std::int64_t end = std::min(samples, begin + 32);
    const Tensor x = output.slice(0, begin, end).clone(), y = target.slice(0, begin, end).clone();
    Graph graph;
    const Scope scope(graph, {.mode = Mode::evaluation, .dtype = x.dtype()});
    const std::vector<Value> sums =
        metric->build(scope, graph.input("x", x.type()), graph.input("y", y.type()));
    graph.output("sum", sums.at(0));
    Executor executor(graph, Stream{.threads = threads}, Variables());
    executor.bind("x", x);
    executor.bind("y", y);
    executor.run();
    const TensorView part = executor.output("sum");
    if (!figures.sum.defined()) figures.sum = Tensor::zeros(part.dtype(), part.shape());
    visit_dtype(part.dtype(), [&]<class T>() {
      if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
        for (std::size_t i = 0; i < part.as<T>().size(); ++i) figures.sum.as<T>()[i] += part.as<T>()[i];
      }
    });
  }
  const Tensor sums[] = {figures.sum};
  figures.results = metric->results(sums);
  return figures;
}

TEST(Metrics, FollowPyTorch) {
  const hdf5::File reference = torch_reference(
      "def share(hits): return hits.double().mean()\n"
      "def top(x, y, k): return share((x.topk(k).indices == y[:, None]).any(1))\n"
      "def confusion(y, guess, n): return (y * n + guess).ravel().bincount(minlength=n * n).reshape(n, n)\n"
      "def r2(x, y):\n"
      "    rest, all = ((x - y) ** 2).sum(0), ((y - y.mean(0)) ** 2).sum(0)\n"
      "    return torch.where(all > 0, 1 - rest / all, (rest == 0).double()).mean()\n"
      "x, y = torch.randn(77, 6), torch.randint(6, (77,))\n"
      "save_all('classes', x=x, y=y, accuracy=share(x.argmax(1) == y), top_2=top(x, y, 2), top_5=top(x, y, "
      "5),\n"
      "         confusion=confusion(y, x.argmax(1), 6))\n"
      "x, y = torch.randn(2, 3, 5, 4), torch.randint(3, (2, 5, 4))\n"
      "save_all('image', x=x, y=y, accuracy=share(x.argmax(1) == y), confusion=confusion(y, x.argmax(1), "
      "3))\n"
      "x, y = torch.randn(77, 1), torch.randint(2, (77,))\n"
      "guess = (x[:, 0] > 0).long()\n"
      "save_all('two', x=x, y=y, accuracy=share(guess == y), confusion=confusion(y, guess, 2))\n"
      "y = torch.randn(77, 3) * torch.tensor([1, 5, 0]) + torch.tensor([0, 100, 7]); x = y + torch.randn(77, "
      "3)\n"
      "save_all('numbers', x=x, y=y, mse=((x - y) ** 2).mean(), mae=(x - y).abs().mean(), r2=r2(x, y))\n"
      "save_all('exact', x=y, y=y, mse=0.0, mae=0.0, r2=1.0)\n");
  int checked = 0;
  for (const std::string& name : reference.names()) {
    const hdf5::Group group = reference.group(name);
    const Tensor x = group.read("x"), y = group.read("y");
    for (const std::string& figure : group.names()) {
      if (figure == "x" || figure == "y") continue;
      SCOPED_TRACE(name + " " + figure);
      ++checked;
      const std::string yaml = figure == "confusion"        ? "confusion_matrix"
                               : figure.starts_with("top_") ? "top_k: " + figure.substr(4)
                                                            : figure;
      for (const int threads : {1, 3}) {
        const Figures figures = evaluate(yaml, x, y, threads);
        if (figure == "confusion") {
          EXPECT_TRUE(figures.results.empty());
          const Tensor expected = group.read(figure);
          ASSERT_EQ(figures.sum.shape(), expected.shape());
          for_each_index(expected.shape(),
                         [&](const Dims& i) { EXPECT_EQ(figures.sum.at(i), expected.at(i)); });
        } else {
          ASSERT_TRUE(figures.results.contains(figure));
          EXPECT_NEAR(figures.results.at(figure), group.read(figure).item(), 1e-12);
        }
      }
    }
  }
  EXPECT_EQ(checked, 14);
}

TEST(Metrics, EqualLogitsAndNaN) {
  const double nan = std::nan("");
  const auto accuracy = [](const std::vector<double>& logits, std::int64_t label) {
    return evaluate("accuracy", Tensor::of<double>({1, 3}, logits), Tensor::of<std::int64_t>({1}, {label}))
        .results.at("accuracy");
  };
  EXPECT_EQ(accuracy({1, 1, 0}, 0), 1);  // the first of equal ones
  EXPECT_EQ(accuracy({1, 1, 0}, 1), 0);
  EXPECT_EQ(accuracy({0, nan, 0}, 1), 0);
  EXPECT_EQ(accuracy({2, nan, 0}, 0), 0);
  EXPECT_EQ(accuracy({nan, nan, nan}, 0), 0);
}

TEST(Metrics, LabelsThatAreIgnoredOrOutOfRange) {
  const Tensor x = Tensor::of<double>({4, 2}, {1, 0, 1, 0, 1, 0, 1, 0});
  const Tensor y = Tensor::of<std::int64_t>({4}, {0, 1, -100, 7});
  EXPECT_DOUBLE_EQ(evaluate("accuracy", x, y).results.at("accuracy"), 1.0 / 3);
  EXPECT_DOUBLE_EQ(evaluate("accuracy: {ignored_label: 7}", x, y).results.at("accuracy"), 1.0 / 3);
  const Tensor counts = evaluate("confusion_matrix", x, y).sum;
  EXPECT_EQ(counts.at({0, 0}), 1);
  EXPECT_EQ(counts.at({1, 0}), 1);
  EXPECT_EQ(counts.at({0, 1}) + counts.at({1, 1}), 0);
}

TEST(Metrics, RefuseWrongTypes) {
  const Tensor x = Tensor::zeros(DType::float32, {4, 3});
  for (const char* yaml : {"accuracy", "top_k", "confusion_matrix", "mse", "mae", "r2"}) {
    EXPECT_THROW(evaluate(yaml, x, Tensor::zeros(DType::int64, {4, 2})), UserError) << yaml;
  }
}

}  // namespace
}  // namespace slipway::test
