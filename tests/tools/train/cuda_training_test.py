#!/usr/bin/env python3
"""Training on a GPU, in builds that have one, real or simulated: it follows training on the CPU."""

import glob
import json
import os
import sys
import unittest

import h5py
import numpy as np
import yaml

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from runs import IMAGES, SOURCES, RunTest, has_cuda, read_checkpoint, read_records

STEPS = 10
SAMPLES = 40
WIDTH = 8  # by which models become narrower, as a simulated GPU is slow
SIDE = 12  # of images


def narrow(part):
    """A model with fewer filters and features, except for the last layer, which has one for each class."""
    if isinstance(part, dict):
        return {key: max(2, value // WIDTH) if key in ("filters", "linear", "basic", "down") and isinstance(value, int)
                else narrow(value) for key, value in part.items()}
    return [narrow(item) for item in part] if isinstance(part, list) else part


def reduced(path, directory):
    """A configuration of the project with its own layers and settings, on a few small samples."""
    with open(path, encoding="utf-8") as file:
        config = yaml.safe_load(file)
    data = config["data"]
    data["workers"] = 1
    data["train"] = small_data(data, config["model"][-1]["linear"], directory)
    data.pop("validation", None), data.pop("test", None)
    data["split"] = {"fraction": 0.2}
    for transform in data["transforms"]:
        if "random_crop" in transform:
            transform["random_crop"]["size"] = SIDE
    config["model"] = narrow(config["model"][:-1]) + config["model"][-1:]
    config["blocks"] = narrow(config.get("blocks", {}))
    config["train"].update(batch_size=4, evaluation_batch_size=3, max_steps=STEPS)
    return yaml.safe_dump(config)


def small_data(data, classes, directory):
    """Random samples of the kind that the configuration reads."""
    random = np.random.default_rng(1)
    (kind, settings), = data["train"].items()
    if kind == "csv":
        path = os.path.join(directory, "table.csv")
        with open(path, "w", encoding="utf-8") as file:
            for i in range(SAMPLES):
                cells = [f"{cell:.4f}" for cell in random.normal(size=len(settings["header"]) - 1)]
                file.write(",".join(cells + [settings["labels"][i % classes]]) + "\n")
        return {"csv": settings | {"path": path, "skip_rows": 0}}
    channels = len(next(t["normalize"]["mean"] for t in data["transforms"] if "normalize" in t))
    path = os.path.join(directory, "images.h5")
    with h5py.File(path, "w") as file:
        file["image"] = random.integers(0, 256, (SAMPLES, channels, SIDE, SIDE), dtype=np.uint8)
        file["label"] = np.arange(SAMPLES, dtype=np.int64) % classes
    return {"hdf5": {"path": path, "inputs": ["image"], "targets": ["label"]}}


def steps(run):
    return [record for record in read_records(run) if record["kind"] == "step"]


@unittest.skipUnless(has_cuda(), "this build has no CUDA device")
class CudaTrainingTest(RunTest):
    def assert_follows(self, run, reference, tolerance):
        ours, theirs = steps(self.path(run)), steps(self.path(reference))
        self.assertEqual(len(ours), STEPS)
        self.assertEqual(len(theirs), STEPS)
        for one, other in zip(ours, theirs):
            for key in ("loss", "gradient_norm"):
                self.assertLessEqual(abs(one[key] - other[key]), tolerance * abs(other[key]), f"{key}, {one}, {other}")

    def test_every_configuration_follows_the_cpu(self):
        for path in sorted(glob.glob(os.path.join(SOURCES, "configs/*.yaml"))):
            name = os.path.splitext(os.path.basename(path))[0]
            with self.subTest(name):
                config = self.write(name + ".yaml", reduced(path, self.directory))
                self.train(config, "--device", "cpu", runs="cpu")
                self.train(config, "--device", "cuda:0", runs="cuda")
                self.assert_follows(f"cuda/{name}", f"cpu/{name}", 1e-4)

    def test_resumed_run_computes_the_same_bits(self):
        config = self.write("run.yaml", IMAGES.replace("cosine", "constant"))
        device = ("--device", "cuda:0")
        self.train(config, *device, runs="whole", train__max_steps=STEPS)
        self.train(config, *device, train__max_steps=4)
        self.train(config, *device, "--resume", train__max_steps=STEPS)
        whole, resumed = read_checkpoint(self.path("whole/run/checkpoints/last.h5")), read_checkpoint(
            self.path("runs/run/checkpoints/last.h5"))
        for name, value in whole.items():
            if name.split("/")[0] in ("parameters", "state", "optimizer"):
                np.testing.assert_array_equal(value, resumed[name], err_msg=name)

    def test_a_run_moves_between_devices(self):
        config = self.write("run.yaml", IMAGES.replace("cosine", "constant"))
        self.train(config, "--device", "cpu", runs="reference", train__max_steps=STEPS)
        for first, second in (("cpu", "cuda:0"), ("cuda:0", "cpu")):
            runs = first.replace(":0", "")
            self.train(config, "--device", first, runs=runs, train__max_steps=4)
            self.train(config, "--device", second, "--resume", runs=runs, train__max_steps=STEPS)
            self.assert_follows(f"{runs}/run", "reference/run", 1e-4)

    def test_the_other_commands(self):
        config = self.write("run.yaml", IMAGES)
        self.train(config, train__max_steps=3)
        figures, predictions = [], []
        for device in ("cpu", "cuda:0"):
            evaluated = self.slipway("evaluate", "runs/run", "--json", "--device", device).stdout
            figures.append(json.loads(evaluated)["figures"])
            predicted = self.slipway("predict", "runs/run", "--format", "json", "--device", device).stdout
            predictions.append([json.loads(line) for line in predicted.splitlines()])
        self.assertEqual(figures[0].keys(), figures[1].keys())
        for name, value in figures[0].items():
            self.assertAlmostEqual(value, figures[1][name], places=5)
        for one, other in zip(*predictions):
            self.assertEqual(one["label"], other["label"])
            np.testing.assert_allclose(one["probabilities"], other["probabilities"], rtol=1e-4)
        checked = self.slipway("check", config, "--device", "cuda:0", "--elements", 3, "--samples", 2).stdout
        self.assertIn("All gradients agree.", checked)

    def test_synchronous_training_computes_the_same(self):
        config = self.write("run.yaml", IMAGES)
        self.train(config, "--device", "cuda:0", runs="queued", train__max_steps=3)
        self.train(config, "--device", "cuda:0", "--synchronous", runs="waiting", train__max_steps=3)
        self.assert_same_run(self.path("queued/run"), self.path("waiting/run"))


if __name__ == "__main__":
    unittest.main()
