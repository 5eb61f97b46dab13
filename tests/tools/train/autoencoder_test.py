#!/usr/bin/env python3
"""A model whose input is its own target: it gives back what its first layer sees."""

import json
import os
import sys
import unittest

import h5py
import numpy as np
import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from runs import RunTest, parameters, read_table

CONFIG = """
data:
  train: {hdf5: {path: data.h5, inputs: [x], targets: [x]}}
  split: 0.25
  transforms: [center_crop: 4, to_float, normalize]
model: [flatten, linear: 6, relu, linear: 16, reshape: [1, 4, 4]]
loss: mse
metrics: [mae]
train: {epochs: 30, batch_size: 8, optimizer: {adamw: {learning_rate: 0.02}}}
"""


class AutoencoderTest(RunTest):
    def setUp(self):
        super().setUp()
        random = np.random.default_rng(1)
        # Images with three degrees of freedom, so that six features can hold them.
        factors, patterns = random.random((48, 3)), random.random((3, 1, 6, 6))
        self.images = np.clip(np.einsum("nf,fchw->nchw", factors, patterns) * 85, 0, 255).astype(np.uint8)
        with h5py.File(self.path("data.h5"), "w") as file:
            file["x"] = self.images

    def test_trains_evaluates_predicts_and_exports(self):
        config = self.write("run.yaml", CONFIG.replace("[center_crop: 4, to_float, normalize]", "[to_float, normalize]")
                            .replace("linear: 16, reshape: [1, 4, 4]", "linear: 36, reshape: [1, 6, 6]"))
        self.train(config)
        losses = [float(row["validation_loss"]) for row in read_table(self.path("runs/run"))]
        self.assertLess(losses[-1], 0.3 * losses[0])
        weights = {name.removeprefix("parameters/"): torch.from_numpy(value)
                   for name, value in parameters(self.path("runs/run/checkpoints/last.h5")).items()}
        with open(self.path("runs/run/config.yaml"), encoding="utf-8") as file:
            settings = __import__("yaml").safe_load(file)["data"]["transforms"][-1]["normalize"]
        mean, std = (torch.tensor(settings[key]).reshape(1, 1, 1) for key in ("mean", "std"))
        seen = (torch.from_numpy(self.images).float() / 255 - mean) / std
        hidden = (seen.flatten(1) @ weights["linear_1.weight"].T + weights["linear_1.bias"]).relu()
        output = (hidden @ weights["linear_2.weight"].T + weights["linear_2.bias"]).reshape(seen.shape)

        # What is to be given back is the input after preprocessing.
        last = "runs/run/checkpoints/last.h5"
        found = json.loads(self.slipway("evaluate", last, "--on=train", "--json", "--threads", 1).stdout)
        held_out = json.loads(self.slipway("evaluate", last, "--on=validation", "--json", "--threads", 1).stdout)
        self.assertEqual((found["samples"], held_out["samples"]), (36, 12))
        whole = (found["figures"]["loss"] * 36 + held_out["figures"]["loss"] * 12) / 48
        self.assertAlmostEqual(whole, float(((output - seen)**2).mean()), places=5)
        self.assertAlmostEqual(held_out["figures"]["loss"], losses[-1], places=6)

        lines = self.slipway("predict", last, "data.h5", "--format=json", "--threads", 1).stdout.splitlines()
        np.testing.assert_allclose([json.loads(line)["output"] for line in lines], output.flatten(1), atol=2e-4)

        self.slipway("export", last, "-o", "export", "--threads", 1)
        with open(self.path("export/slipway.json"), encoding="utf-8") as file:
            description = json.load(file)
        self.assertEqual(len(description["inputs"]), 1)
        self.assertEqual(description["outputs"][0]["target"], "x")
        with open(self.path("export/golden.json"), encoding="utf-8") as file:
            golden = json.load(file)
        given = np.array(golden["inputs"]["x"]["data"]).reshape(-1, 1, 6, 6)
        rows = [int(np.flatnonzero((self.images == image).all((1, 2, 3)))[0]) for image in given]
        np.testing.assert_allclose(np.array(golden["outputs"]["output"]["data"]).reshape(-1, 1, 6, 6), output[rows],
                                   atol=2e-4)

    def test_the_target_is_what_augmentation_left(self):
        # A model that hands its input through makes no error, whichever images were flipped.
        config = self.write("run.yaml", CONFIG.replace("center_crop: 4", "horizontal_flip").replace(
            "[flatten, linear: 6, relu, linear: 16, reshape: [1, 4, 4]]", "[conv2d: {filters: 1, kernel: 1}]"))
        self.train(config, train__optimizer="{adamw: {learning_rate: 0.1}}")
        self.assertLess(float(read_table(self.path("runs/run"))[-1]["train_loss"]), 1e-3)

    def test_gradients(self):
        self.assertIn("All gradients agree.", self.slipway("check", self.write("run.yaml", CONFIG)).stdout)

    def test_mistakes(self):
        config = self.write("run.yaml", CONFIG)
        self.assertIn("the target must be float32[8, 16], but the dataset's 'x' is float32[8, 1, 4, 4]",
                      self.slipway("train", config, "--set=model=[flatten, linear: 6, relu, linear: 16]", status=2).stderr)
        with h5py.File(self.path("data.h5"), "a") as file:
            file["y"] = np.zeros(48, np.int64)
        self.assertIn("reads one input and one target, the dataset gives 1 and 2",
                      self.slipway("train", config, "--set=data.train.hdf5.targets=[x, y]", status=2).stderr)


if __name__ == "__main__":
    unittest.main()
