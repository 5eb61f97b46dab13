#!/usr/bin/python3
"""Writes five training steps of fixed models as PyTorch makes them: training.py OUTPUT.h5

/WORKLOAD/variables/NAME    parameters and state at the start, float32, by Slipway's names
         /inputs            [steps, batch, channels, height, width], float32
         /labels            [steps, batch]
         /losses            [steps]
         /after/NAME        parameters of one dimension and state after the last step
and the attribute learning_rate.

Float32 rounding grows from step to step. In ResNet-18 on five batches of noise, at the learning rate that is used with
real data, two PyTorch runs whose weights differ in the last bit differ in the second digit of the fifth loss; at 2e-4
they agree to 1e-5, while the updates move the losses by 3e-2.
"""

import sys

import h5py
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

STEPS, CLASSES = 5, 10


class MnistCnn(nn.Module):
    """The network of PyTorch's MNIST example without dropout."""

    shape, batch, learning_rate = (1, 28, 28), 16, 3e-4

    def __init__(self):
        super().__init__()
        self.conv2d_1, self.conv2d_2 = nn.Conv2d(1, 32, 3), nn.Conv2d(32, 64, 3)
        self.linear_1, self.linear_2 = nn.Linear(9216, 128), nn.Linear(128, CLASSES)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv2d_2(F.relu(self.conv2d_1(x)))), 2)
        return self.linear_2(F.relu(self.linear_1(x.flatten(1))))

    def optimizer(self):
        matrices = [p for p in self.parameters() if p.dim() > 1]
        vectors = [p for p in self.parameters() if p.dim() == 1]
        return torch.optim.AdamW([{"params": matrices}, {"params": vectors, "weight_decay": 0}], lr=self.learning_rate,
                                 weight_decay=0.1)


class Residual(nn.Module):
    def __init__(self, channels, filters, stride):
        super().__init__()
        self.conv2d_1, self.batch_norm_1 = nn.Conv2d(channels, filters, 3, stride, 1, bias=False), nn.BatchNorm2d(filters)
        self.conv2d_2, self.batch_norm_2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False), nn.BatchNorm2d(filters)
        self.shortcut = None
        if stride != 1:
            self.shortcut = nn.Module()
            self.shortcut.conv2d_1 = nn.Conv2d(channels, filters, 1, stride, bias=False)
            self.shortcut.batch_norm_1 = nn.BatchNorm2d(filters)

    def forward(self, x):
        y = self.batch_norm_2(self.conv2d_2(F.relu(self.batch_norm_1(self.conv2d_1(x)))))
        return y + (self.shortcut.batch_norm_1(self.shortcut.conv2d_1(x)) if self.shortcut else x)


class Resnet18Cifar(nn.Module):
    """ResNet-18 for 32x32 images: He et al. 2015, with a 3x3 stem and no max-pooling."""

    shape, batch, learning_rate = (3, 32, 32), 16, 2e-4

    def __init__(self):
        super().__init__()
        self.conv2d_1, self.batch_norm_1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64)
        stages = [(64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2),
                  (512, 512, 1)]
        self.blocks = []
        for number, stage in enumerate(stages, 1):
            block = nn.Module()
            block.residual_1 = Residual(*stage)
            setattr(self, f"sequence_{number}", block)
            self.blocks.append(block)
        self.linear_1 = nn.Linear(512, CLASSES)

    def forward(self, x):
        x = F.relu(self.batch_norm_1(self.conv2d_1(x)))
        for block in self.blocks:
            x = F.relu(block.residual_1(x))
        return self.linear_1(x.mean((2, 3)))

    def optimizer(self):
        matrices = [p for p in self.parameters() if p.dim() > 1]
        vectors = [p for p in self.parameters() if p.dim() == 1]
        return torch.optim.SGD([{"params": matrices, "weight_decay": 5e-4}, {"params": vectors}],
                               lr=self.learning_rate, momentum=0.9)


def variables(model):
    named = list(model.named_parameters()) + [b for b in model.named_buffers() if "num_batches" not in b[0]]
    return {name: tensor.detach() for name, tensor in named}


def run(out, model):
    for name, tensor in variables(model).items():
        out[f"variables/{name}"] = tensor.numpy()
    inputs = torch.rand(STEPS, model.batch, *model.shape)
    labels = torch.randint(CLASSES, (STEPS, model.batch))
    out["inputs"], out["labels"] = inputs.numpy(), labels.numpy()
    out.attrs["learning_rate"] = model.learning_rate
    model.train()
    optimizer = model.optimizer()
    losses = []
    for x, label in zip(inputs, labels):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), label)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    out["losses"] = np.array(losses)
    for name, tensor in variables(model).items():
        if tensor.dim() == 1:
            out[f"after/{name}"] = tensor.numpy()


def main():
    torch.set_num_threads(1)  # threads that spin while they wait would slow down the tests beside this one
    with h5py.File(sys.argv[1], "w") as file:
        for name, Model in (("mnist_cnn", MnistCnn), ("resnet18_cifar", Resnet18Cifar)):
            torch.manual_seed(1)
            run(file.create_group(name), Model())


if __name__ == "__main__":
    main()
