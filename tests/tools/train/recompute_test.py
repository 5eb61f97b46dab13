#!/usr/bin/env python3
"""`recompute` changes what a step of training holds in memory, and no bit of its results."""

import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from reduced_configs import CONFIGS, reduced
from runs import IMAGES, RunTest, has_cuda, read_records

# Of 32 samples, batches of 5: the last one of an epoch has 2, and is a step of its own.
TRAIN = {"batch_size": 5, "accumulate": 2, "clip_norm": 0.5, "max_steps": 5, "epochs": 2}
DEVICES = ["cpu"] + (["cuda:0"] if has_cuda() else [])


def planned_mib(text):
    """What `slipway summary` says of a step."""
    size, unit = re.search(r"\ntraining step: ([\d.]+) (KiB|MiB|GiB) for activations", text).groups()
    return float(size) * {"KiB": 1 / 1024, "MiB": 1, "GiB": 1024}[unit]


class RecomputeTest(RunTest):
    def test_every_configuration_trains_to_the_same_bits(self):
        for name, path in CONFIGS.items():
            config = self.write(name + ".yaml", reduced(path, self.directory, **TRAIN))
            for device in DEVICES:
                runs = {}
                for recompute in ("none", "blocks", "all"):
                    directory = f"{device.replace(':', '')}_{recompute}"
                    self.train(config, "--device", device, runs=directory, train__recompute=recompute)
                    runs[recompute] = self.path(directory, name)
                for recompute in ("blocks", "all"):
                    with self.subTest(config=name, device=device, recompute=recompute):
                        self.assertEqual(read_records(runs["none"])[1:], read_records(runs[recompute])[1:])
                        self.assert_same_checkpoint(*(os.path.join(runs[kind], "checkpoints/last.h5")
                                                      for kind in ("none", recompute)))

    def test_summary_tells_the_memory(self):
        config = self.write("resnet.yaml", reduced(CONFIGS["cifar10_resnet18"], self.directory))
        planned = {}
        for recompute in ("none", "blocks", "all"):
            text = self.slipway("summary", config, "--batch", 64, f"--set=train.recompute={recompute}").stdout
            self.assertIn(f"(recompute: {recompute})", text)
            planned[recompute] = planned_mib(text)
        self.assertLess(planned["blocks"], 0.8 * planned["none"])
        self.assertLessEqual(planned["all"], planned["blocks"])

    def test_summary_of_a_batch_that_cannot_be_trained(self):
        config = self.write("run.yaml", IMAGES.replace("  - batch_norm\n", "").replace("  - dropout", "  - batch_norm\n  - dropout"))
        self.assertIn("training step: not for this batch: ", self.slipway("summary", config, "--batch", 1).stdout)

    def test_mistakes(self):
        config = self.write("run.yaml", IMAGES)
        self.assertRegex(self.refused("train", config, "--set=train.recompute=some"),
                         r"recompute: .*'some'.*none, blocks(,| or) all")


if __name__ == "__main__":
    unittest.main()
