#!/usr/bin/env python3
"""Training on a GPU, in builds that have one, real or simulated: it follows training on the CPU."""

import json
import os
import sys
import unittest

import h5py
import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from reduced_configs import CALMER, CONFIGS, reduced
from runs import IMAGES, TABLE, RunTest, has_cuda, read_checkpoint, read_records

STEPS = 10


def steps(run):
    return [record for record in read_records(run) if record["kind"] == "step"]


@unittest.skipUnless(has_cuda(), "this build has no CUDA device")
class CudaTrainingTest(RunTest):
    def assert_follows(self, run, reference, tolerance, keys=("loss", "gradient_norm")):
        ours, theirs = steps(self.path(run)), steps(self.path(reference))
        self.assertEqual(len(ours), STEPS)
        self.assertEqual(len(theirs), STEPS)
        for one, other in zip(ours, theirs):
            for key in keys:
                self.assertLessEqual(abs(one[key] - other[key]), tolerance * abs(other[key]), f"{key}, {one}, {other}")

    def test_every_configuration_follows_the_cpu(self):
        for name, path in CONFIGS.items():
            with self.subTest(name):
                config = self.write(name + ".yaml", reduced(path, self.directory, max_steps=STEPS))
                self.train(config, "--device", "cpu", runs="cpu")
                self.train(config, "--device", "cuda:0", runs="cuda")
                self.assert_follows(f"cuda/{name}", f"cpu/{name}", 1e-4)

    def test_every_configuration_follows_the_cpu_in_16_bits(self):
        for name, path in CONFIGS.items():
            with self.subTest(name):
                config = self.write(name + ".yaml", reduced(path, self.directory, max_steps=STEPS))
                settings = dict(CALMER.get(name, {}))
                self.train(config, "--device", "cpu", runs="cpu", **settings)
                for precision in ("bfloat16", "float16"):
                    # A scale at which no gradient overflows: a skipped step would have no counterpart.
                    settings |= {"precision": precision, "train__loss_scale": 256}
                    self.train(config, "--device", "cuda:0", runs=precision, **settings)
                    self.assert_follows(f"{precision}/{name}", f"cpu/{name}", 2e-2, keys=("loss",))

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

    def test_every_way_to_run_a_step_computes_the_same(self):
        config = self.write("run.yaml", IMAGES)
        device = ("--device", "cuda:0")
        self.train(config, *device, runs="captured", train__max_steps=5)
        self.train(config, *device, "--synchronous", runs="waiting", train__max_steps=5)
        self.train(config, *device, runs="queued", train__max_steps=5, capture="false")
        self.assert_same_run(self.path("captured/run"), self.path("waiting/run"))
        self.assert_same_run(self.path("captured/run"), self.path("queued/run"))

    def test_a_sample_that_is_not_finite_is_named(self):
        # It lies in one of three batches of a step, whose results arrive together.
        random = np.random.default_rng(1)
        with h5py.File(self.path("data.h5"), "w") as file:
            file["x"] = random.standard_normal((40, 6)).astype(np.float32)
            file["x"][17, 2] = np.nan
            file["y"] = np.arange(40) % 3
        config = self.write("run.yaml", TABLE)
        messages = []
        for device in ("cpu", "cuda"):
            done = self.train(config, "--device", device, "--set=data.train={hdf5: {path: data.h5, inputs: [x], targets: [y]}}",
                              runs=device, status=2, data__validation="null", train__batch_size=4, train__accumulate=3)
            messages.append(done.stderr.replace(f"{device}/run", "runs/run"))
        self.assertIn("samples: sample 17\n", messages[0])
        self.assertEqual(messages[1], messages[0])


if __name__ == "__main__":
    unittest.main()
