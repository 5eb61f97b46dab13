#!/usr/bin/env python3
"""Training in less than float32, on GPUs real or simulated, and what loss scaling does there."""

import json
import os
import sys
import unittest

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from runs import IMAGES, TABLE, RunTest, has_cuda, read_checkpoint, read_records

STEPS = 10
GPU = ("--device", "cuda:0")
LAST = "run/checkpoints/last.h5"


def in_precision(config, precision):
    return f"precision: {precision}\n{config.lstrip()}".replace("cosine", "constant")


@unittest.skipUnless(has_cuda(), "this build has no CUDA device")
class MixedPrecisionTest(RunTest):
    def assert_same_variables(self, one, other, groups=("parameters", "state", "optimizer")):
        ours, theirs = read_checkpoint(one), read_checkpoint(other)
        for name, value in ours.items():
            if name.split("/")[0] in groups:
                np.testing.assert_array_equal(value, theirs[name], err_msg=name)

    def test_tf32_follows_float32(self):
        config = self.write("run.yaml", IMAGES)
        for precision in ("float32", "tf32"):
            self.train(config, *GPU, runs=precision, precision=precision, train__max_steps=STEPS)
        for one, other in zip(read_records(self.path("tf32/run")), read_records(self.path("float32/run"))):
            if one["kind"] == "step":
                self.assertAlmostEqual(one["loss"], other["loss"], delta=1e-2 * other["loss"])

    def test_an_overflow_skips_the_step_and_halves_the_scale(self):
        # Whatever is multiplied by 2^100 overflows; the first three steps differ in nothing but the scale.
        config = self.write("run.yaml", in_precision(IMAGES, "float16"))
        settings = {"train__loss_scale": 2.0 ** 100, "train__accumulate": 2, "train__average_decay": 0.9}
        self.train(config, *GPU, runs="one", train__max_steps=1, **settings)
        console = self.train(config, *GPU, runs="three", train__max_steps=3, **settings).stdout
        for step, scale in enumerate(("6.338e+29", "3.169e+29", "1.585e+29"), 1):
            self.assertIn(f"step {step} skipped, its gradient overflows; the loss scale is now {scale}\n", console)
        self.assert_same_variables(self.path("one", LAST), self.path("three", LAST), ("parameters", "state"))
        values = read_checkpoint(self.path("three", LAST))
        self.assertEqual(values["optimizer/loss_scale.scale"], 2.0 ** 97)
        self.assertEqual(values["optimizer/loss_scale.skipped_steps"], 3)
        self.assertEqual(values["optimizer/loss_scale.good_steps"], 0)
        self.assertFalse(np.any(values["optimizer/optimizer.first_moment.linear_1.weight"]))
        self.assertEqual([r for r in read_records(self.path("three/run")) if r["kind"] == "step"], [])

    def test_a_skipped_first_step_does_not_count_as_an_update(self):
        # Adam corrects its moments by the number of updates, and the average starts with the first.
        config = self.write("run.yaml", in_precision(IMAGES, "float16"))
        settings = {"train__loss_scale": 2.0 ** 24, "train__average_decay": 0.9}
        self.train(config, *GPU, train__max_steps=STEPS, **settings)
        values = read_checkpoint(self.path("runs", LAST))
        skipped = int(values["optimizer/loss_scale.skipped_steps"])
        self.assertGreater(skipped, 0)
        self.assertEqual(values["optimizer/loss_scale.scale"], 2.0 ** (24 - skipped))
        average = values["optimizer/average.parameters.batch_norm_1.weight"]
        np.testing.assert_allclose(average, np.ones_like(average), atol=0.2)  # it began as ones, not as zeros

    def test_resumed_run_computes_the_same_bits(self):
        config = self.write("run.yaml", in_precision(IMAGES, "float16"))
        settings = {"train__loss_scale": 2.0 ** 24}  # some steps are skipped
        self.train(config, *GPU, runs="whole", train__max_steps=STEPS, **settings)
        self.train(config, *GPU, train__max_steps=4, **settings)
        self.train(config, *GPU, "--resume", train__max_steps=STEPS, **settings)
        self.assertGreater(read_checkpoint(self.path("whole", LAST))["optimizer/loss_scale.skipped_steps"], 0)
        self.assert_same_variables(self.path("whole", LAST), self.path("runs", LAST))

    def test_a_hopeless_run_stops(self):
        config = self.write("run.yaml", in_precision(TABLE, "float16"))
        message = self.train(config, *GPU, status=2, train__loss_scale=4, train__optimizer__sgd__learning_rate=1e30).stderr
        self.assertRegex(message, r"step \d+: the (loss|gradient) is not finite")
        self.assertIn("The state before this step is kept", message)

    def test_the_other_commands(self):
        config = self.write("run.yaml", in_precision(IMAGES, "bfloat16"))
        self.train(config, *GPU, train__max_steps=3)
        figures = {}
        for device in ("cpu", "cuda:0"):
            evaluated = self.slipway("evaluate", "runs/run", "--json", "--device", device).stdout
            figures[device] = json.loads(evaluated)["figures"]["loss"]
            self.slipway("predict", "runs/run", "--format", "json", "--device", device)
        self.assertNotEqual(figures["cpu"], figures["cuda:0"])  # float32 there, bfloat16 here
        self.assertAlmostEqual(figures["cpu"], figures["cuda:0"], delta=2e-2 * figures["cpu"])
        for value in read_checkpoint(self.path("runs", LAST)).items():
            if value[0].startswith("parameters/"):
                self.assertEqual(value[1].dtype, np.float32)


if __name__ == "__main__":
    unittest.main()
