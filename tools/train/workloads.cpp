#include "tools/train/workloads.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/base/nearest.h"

namespace slipway {
namespace {

constexpr const char* kMlp = R"(
data: {train: {random: {shape: [64], classes: 10}}}
model: [linear: 256, relu, linear: 256, relu, linear: 10]
loss: cross_entropy
train: {batch_size: 256, optimizer: {adamw: {learning_rate: 3.0e-4, weight_decay: 0.1}}}
)";

constexpr const char* kMnistCnn = R"(
data: {train: {random: {shape: [1, 28, 28], classes: 10}}}
model:
  - conv2d: {filters: 32, kernel: 3}
  - relu
  - conv2d: {filters: 64, kernel: 3}
  - relu
  - max_pool: 2
  - dropout: 0.25
  - flatten
  - linear: 128
  - relu
  - dropout: 0.5
  - linear: 10
loss: cross_entropy
train: {batch_size: 64, optimizer: {adamw: {learning_rate: 3.0e-4, weight_decay: 0.1}}}
)";

constexpr const char* kResnet18Cifar = R"(
data: {train: {random: {shape: [3, 32, 32], classes: 10}}}
blocks:
  basic:
    parameters: {filters: null}
    layers:
      - residual:
          - conv2d: {filters: $filters, kernel: 3, padding: 1, bias: false}
          - batch_norm
          - relu
          - conv2d: {filters: $filters, kernel: 3, padding: 1, bias: false}
          - batch_norm
      - relu
  down:
    parameters: {filters: null}
    layers:
      - residual:
          layers:
            - conv2d: {filters: $filters, kernel: 3, stride: 2, padding: 1, bias: false}
            - batch_norm
            - relu
            - conv2d: {filters: $filters, kernel: 3, padding: 1, bias: false}
            - batch_norm
          shortcut:
            - conv2d: {filters: $filters, kernel: 1, stride: 2, bias: false}
            - batch_norm
      - relu
model:
  - conv2d: {filters: 64, kernel: 3, padding: 1, bias: false}
  - batch_norm
  - relu
  - basic: 64
  - basic: 64
  - down: 128
  - basic: 128
  - down: 256
  - basic: 256
  - down: 512
  - basic: 512
  - global_avg_pool
  - linear: 10
loss: cross_entropy
train: {batch_size: 32, optimizer: {sgd: {learning_rate: 0.05, momentum: 0.9, weight_decay: 5.0e-4}}}
)";

}  // namespace

const std::vector<Workload>& workloads() {
  static const std::vector<Workload> all = {
      {"mlp", "64-256-256-10, batch 256: overhead a step", kMlp},
      {"mnist_cnn", "PyTorch's MNIST example, batch 64: small convolutions", kMnistCnn},
      {"resnet18_cifar", "ResNet-18 for 32x32 images, batch 32: convolutions", kResnet18Cifar}};
  return all;
}

const Workload& find_workload(const std::string& name, std::vector<std::string> others) {
  std::vector<std::string> names = std::move(others);
  for (const Workload& workload : workloads()) {
    if (workload.name == name) return workload;
    names.push_back(workload.name);
  }
  throw UserError(unknown_name("workload", name, names));
}

}  // namespace slipway
