#!/usr/bin/python3
"""Writes what PyTorch computes for one use or several of every layer: layers.py OUTPUT.h5

/GROUP/CASE/config                 YAML of a list of layers
           /input                  float64, or int64
           /variables/NAME         parameters and state at the start, by Slipway's names
           /training_output        and /input_gradient, /gradients/NAME of sum(output * projection weights)
           /state_after/NAME       state after one step of training
           /evaluation_output      from the state at the start
"""

import sys

import h5py
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
CASES = []


def case(group, name, config, module, *shape, names=None, input=None, tolerance=1e-5):
    """`names` maps the modules that hold parameters, by PyTorch's names, to Slipway's; by default the only one."""
    CASES.append((group, name, config, module, input if input is not None else shape, names, tolerance))


class Apply(nn.Module):
    """A function as a module, with modules that it uses."""

    def __init__(self, function, **modules):
        super().__init__()
        self.function = function
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, x):
        return self.function(self, x)


def apply(function, **modules):
    return Apply(function if modules else lambda _, x: function(x), **modules)


case("linear", "plain", "linear: 7", nn.Linear(5, 7), 4, 5)
case("linear", "without_bias", "linear: {features: 3, bias: false}", nn.Linear(6, 3, bias=False), 5, 6)
case("linear", "keeps_leading_axes", "linear: {features: 4}", nn.Linear(5, 4), 2, 3, 2, 5)
case("linear", "one_to_one", "linear: 1", nn.Linear(1, 1), 1, 1)
case("linear", "wide", "linear: 33", nn.Linear(65, 33), 17, 65)

conv = lambda *args, **more: nn.Conv2d(*args, **more)
case("conv2d", "plain", "conv2d: {filters: 4, kernel: 3}", conv(2, 4, 3), 3, 2, 6, 7)
case("conv2d", "default_kernel", "conv2d: 5", conv(3, 5, 3), 2, 3, 5, 5)
case("conv2d", "rectangular", "conv2d: {filters: 4, kernel: [2, 3], stride: [2, 1], padding: [1, 2]}",
     conv(3, 4, (2, 3), (2, 1), (1, 2)), 2, 3, 7, 6)
case("conv2d", "dilated", "conv2d: {filters: 3, kernel: 3, dilation: 2, padding: 1}", conv(2, 3, 3, dilation=2, padding=1),
     2, 2, 7, 7)
case("conv2d", "grouped", "conv2d: {filters: 6, kernel: 3, groups: 2, bias: false}", conv(4, 6, 3, groups=2, bias=False),
     2, 4, 5, 5)
case("conv2d", "depthwise", "conv2d: {filters: 16, kernel: 3, groups: 16, padding: 1}",
     conv(16, 16, 3, groups=16, padding=1), 2, 16, 6, 6)
case("conv2d", "same", "conv2d: {filters: 3, kernel: [4, 3], padding: same}", conv(2, 3, (4, 3), padding="same"), 2, 2, 6, 5)
case("conv2d", "one_by_one", "conv2d: {filters: 32, kernel: 1, stride: 2}", conv(16, 32, 1, 2), 2, 16, 8, 8)
case("conv2d", "four_paddings", "conv2d: {filters: 2, kernel: 3, padding: [0, 1, 2, 3]}",
     apply(lambda m, x: m.conv(F.pad(x, (1, 3, 0, 2))), conv=conv(2, 2, 3)), 2, 2, 5, 5, names={"conv": "conv2d_1"})
# TensorFlow's rule: 7 / 2 rounded up is 4 outputs, which reach over 9 elements: one before, one after.
case("conv2d", "same_with_stride", "conv2d: {filters: 2, kernel: 3, stride: 2, padding: same}",
     apply(lambda m, x: m.conv(F.pad(x, (0, 1, 1, 1))), conv=conv(2, 2, 3, 2)), 2, 2, 7, 6, names={"conv": "conv2d_1"})

case("pooling", "max", "max_pool: 2", nn.MaxPool2d(2), 2, 3, 6, 7)
case("pooling", "max_overlapping", "max_pool: {kernel: 3, stride: 2, padding: 1}", nn.MaxPool2d(3, 2, 1), 2, 3, 8, 7)
case("pooling", "max_rectangular", "max_pool: {kernel: [1, 3], stride: [2, 1]}", nn.MaxPool2d((1, 3), (2, 1)), 1, 2, 5, 5)
case("pooling", "average", "avg_pool: 2", nn.AvgPool2d(2), 2, 3, 6, 7)
case("pooling", "average_padded", "avg_pool: {kernel: 3, stride: 2, padding: 1}", nn.AvgPool2d(3, 2, 1), 2, 3, 8, 7)
case("pooling", "average_without_padding", "avg_pool: {kernel: 3, stride: 2, padding: 1, count_padding: false}",
     nn.AvgPool2d(3, 2, 1, count_include_pad=False), 2, 3, 8, 7)
case("pooling", "global_average", "global_avg_pool", apply(lambda x: x.mean((2, 3))), 3, 17, 4, 5)
case("pooling", "global_max", "global_max_pool", apply(lambda x: x.amax((2, 3))), 3, 17, 4, 5)

case("batch_norm", "images", "batch_norm", nn.BatchNorm2d(5), 3, 5, 4, 3)
case("batch_norm", "features", "batch_norm", nn.BatchNorm1d(7), 6, 7)
case("batch_norm", "settings", "batch_norm: {momentum: 0.3, epsilon: 0.01}", nn.BatchNorm2d(17, eps=0.01, momentum=0.3),
     2, 17, 3, 3)

case("layer_norm", "features", "layer_norm", nn.LayerNorm(9), 4, 9)
case("layer_norm", "images", "layer_norm: {axis: 1, shift: false}",
     apply(lambda m, x: F.layer_norm(x, x.shape[1:], m.weights.weight), weights=nn.ParameterDict({
         "weight": nn.Parameter(torch.rand(3, 4, 5))})), 2, 3, 4, 5, names={"weights": "layer_norm_1"})
case("layer_norm", "sequence", "layer_norm: {epsilon: 0.001}", nn.LayerNorm(16, eps=1e-3), 2, 3, 16)

case("embedding", "sequence", "embedding: {vocabulary: 11, features: 5}", nn.Embedding(11, 5),
     input=np.array([[0, 3, 10, 3], [3, 7, 0, 1], [10, 10, 10, 2]], np.int64))
case("embedding", "padded", "embedding: {vocabulary: 6, features: 2, padding: 1}", nn.Embedding(6, 2, padding_idx=1),
     input=np.array([[1, 5], [1, 2], [0, 1]], np.int64))
case("embedding", "single", "embedding: {vocabulary: 4, features: 3}", nn.Embedding(4, 3),
     input=np.array([2, 0, 2, 3, 1], np.int64))

case("shapes", "flatten", "flatten", nn.Flatten(), 3, 2, 4, 5)
case("shapes", "flatten_features", "flatten", nn.Flatten(), 3, 7)
case("shapes", "reshape", "reshape: [4, -1, 2]", nn.Unflatten(1, (4, 3, 2)), 3, 24)

case("activations", "relu", "relu", nn.ReLU(), 3, 21)
case("activations", "leaky_relu", "leaky_relu", nn.LeakyReLU(), 3, 21)
case("activations", "leaky_relu_steep", "leaky_relu: 0.3", nn.LeakyReLU(0.3), 3, 2, 5, 5)
case("activations", "gelu", "gelu", nn.GELU(), 3, 21)
case("activations", "gelu_tanh", "gelu: tanh", nn.GELU("tanh"), 3, 21)
case("activations", "silu", "silu", nn.SiLU(), 3, 21)
case("activations", "sigmoid", "sigmoid", nn.Sigmoid(), 3, 21)
case("activations", "tanh", "tanh", nn.Tanh(), 3, 21)
case("activations", "softmax", "softmax", nn.Softmax(-1), 3, 21)
case("activations", "softmax_of_channels", "softmax: 1", nn.Softmax(1), 2, 3, 4, 2)
case("activations", "log_softmax", "log_softmax", nn.LogSoftmax(-1), 3, 21)
case("activations", "softmax_sequence", "softmax", nn.Softmax(-1), 2, 3, 5)

case("combinators", "sequence", "sequence: [linear: 4, relu, linear: 3]",
     nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3)), 6, 5,
     names={"0": "sequence_1.linear_1", "2": "sequence_1.linear_2"})
case("combinators", "repeat", "repeat: {times: 2, layers: [linear: 5, relu]}",
     nn.Sequential(nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 5), nn.ReLU()), 6, 5,
     names={"0": "repeat_1.1.linear_1", "2": "repeat_1.2.linear_1"})
case("combinators", "residual", "residual: [linear: 5, relu, linear: 5]",
     apply(lambda m, x: m.b(F.relu(m.a(x))) + x, a=nn.Linear(5, 5), b=nn.Linear(5, 5)), 4, 5,
     names={"a": "residual_1.linear_1", "b": "residual_1.linear_2"})
case("combinators", "residual_with_shortcut",
     "residual: {layers: [conv2d: {filters: 4, kernel: 3, stride: 2, padding: 1}, relu],"
     " shortcut: [conv2d: {filters: 4, kernel: 1, stride: 2, name: projection}]}",
     apply(lambda m, x: F.relu(m.a(x)) + m.b(x), a=conv(3, 4, 3, 2, 1), b=conv(3, 4, 1, 2)), 2, 3, 6, 6,
     names={"a": "residual_1.conv2d_1", "b": "residual_1.shortcut.projection"})
case("combinators", "branch_concat",
     "branch: {branches: [conv2d: {filters: 2, kernel: 1}, sequence: [conv2d: {filters: 3, kernel: 3, padding: 1}, relu],"
     " conv2d: {filters: 1, kernel: 1}], join: concat}",
     apply(lambda m, x: torch.cat([m.a(x), F.relu(m.b(x)), m.c(x)], 1), a=conv(2, 2, 1), b=conv(2, 3, 3, padding=1),
           c=conv(2, 1, 1)), 2, 2, 5, 5,
     names={"a": "branch_1.conv2d_1", "b": "branch_1.sequence_1.conv2d_1", "c": "branch_1.conv2d_2"})
case("combinators", "branch_add", "branch: {branches: [linear: 3, linear: 3, linear: 3], join: add}",
     apply(lambda m, x: m.a(x) + m.b(x) + m.c(x), a=nn.Linear(4, 3), b=nn.Linear(4, 3), c=nn.Linear(4, 3)), 5, 4,
     names={"a": "branch_1.linear_1", "b": "branch_1.linear_2", "c": "branch_1.linear_3"})
case("combinators", "branch_multiply", "branch: {branches: [linear: 3, sequence: [linear: 3, sigmoid]], join: multiply}",
     apply(lambda m, x: m.a(x) * torch.sigmoid(m.b(x)), a=nn.Linear(4, 3), b=nn.Linear(4, 3)), 5, 4,
     names={"a": "branch_1.linear_1", "b": "branch_1.sequence_1.linear_1"})
case("combinators", "basic_block",
     "sequence: [residual: [conv2d: {filters: 16, kernel: 3, padding: 1, bias: false}, batch_norm, relu,"
     " conv2d: {filters: 16, kernel: 3, padding: 1, bias: false}, batch_norm], relu]",
     apply(lambda m, x: F.relu(m.n2(m.c2(F.relu(m.n1(m.c1(x))))) + x),
           c1=conv(16, 16, 3, padding=1, bias=False), n1=nn.BatchNorm2d(16),
           c2=conv(16, 16, 3, padding=1, bias=False), n2=nn.BatchNorm2d(16)), 4, 16, 6, 6,
     names={"c1": "sequence_1.residual_1.conv2d_1", "n1": "sequence_1.residual_1.batch_norm_1",
            "c2": "sequence_1.residual_1.conv2d_2", "n2": "sequence_1.residual_1.batch_norm_2"}, tolerance=1e-4)


def projection_weights(count):
    """Those of tests/support/projection.cpp for its first input."""
    mixed = (np.arange(count, dtype=np.uint64) * np.uint64(8) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    magnitude = 0.5 + (mixed >> np.uint64(11)) * 2.0**-53
    return np.where((mixed >> np.uint64(7)) & np.uint64(1), magnitude, -magnitude)


def run(config, module, input, names):
    """Everything that a case's group holds, by path."""
    module = module.double()
    if isinstance(input, tuple):
        x = torch.randn(input, dtype=torch.float64).requires_grad_()
    else:
        x = torch.from_numpy(input)
    if names is None:
        names = {"": config.split(":")[0] + "_1"}

    def ours(name):
        prefix, _, last = name.rpartition(".")
        return f"{names[prefix]}.{last}"

    state = [(ours(name), buffer) for name, buffer in module.named_buffers() if "num_batches" not in name]
    parameters = [(ours(name), parameter) for name, parameter in module.named_parameters()]
    with torch.no_grad():
        for name, tensor in parameters + state:  # norms start at ones and zeros, which hide mistakes
            if tensor.dim() == 1:
                tensor.add_(torch.rand_like(tensor) * 0.5)
    start = {f"variables/{name}": tensor.detach().clone() for name, tensor in parameters + state}

    out = {"config": f"[{config}]", "input": x}
    out["evaluation_output"] = module.eval()(x)
    y = module.train()(x)
    (y.flatten() * torch.from_numpy(projection_weights(y.numel()))).sum().backward()
    out["training_output"] = y
    if x.requires_grad:
        out["input_gradient"] = x.grad
    out.update({f"gradients/{name}": parameter.grad for name, parameter in parameters})
    out.update({f"state_after/{name}": buffer for name, buffer in state})
    return {**out, **start}


def main():
    with h5py.File(sys.argv[1], "w") as file:
        for number, (group, name, config, module, input, names, tolerance) in enumerate(CASES):
            torch.manual_seed(number)
            where = file.create_group(f"{group}/{name}")
            where.attrs["tolerance"] = tolerance
            for path, value in run(config, module, input, names).items():
                where[path] = value if isinstance(value, str) else value.detach().numpy()


if __name__ == "__main__":
    main()
