#!/usr/bin/env python3
"""The precision of a configuration, as the CPU and the summary see it."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from runs import IMAGES, TABLE, RunTest


def in_precision(config, precision):
    return f"precision: {precision}\n{config.lstrip()}"


class PrecisionTest(RunTest):
    def test_the_cpu_says_what_it_offers(self):
        config = self.write("run.yaml", in_precision(TABLE, "bfloat16"))
        message = self.refused("train", config, "--device", "cpu")
        self.assertIn("run.yaml:1:12: precision: cpu does not compute in bfloat16, expected float32 or another device\n",
                      message)
        self.assertFalse(os.path.exists(self.path("runs")))

    def test_unknown_precisions_are_named(self):
        config = self.write("run.yaml", in_precision(TABLE, "float8"))
        self.assertIn("run.yaml:1:12: precision: unknown value 'float8', did you mean 'float32'? "
                      "Known: float32, tf32, bfloat16, float16\n", self.refused("train", config))

    def test_the_summary_shows_it(self):
        config = self.write("run.yaml", IMAGES)
        full = self.slipway("summary", config).stdout
        mixed = self.slipway("summary", config, "--set", "precision=float16").stdout
        self.assertIn("precision: float32\n", full)
        self.assertIn("precision: float16\n", mixed)
        self.assertNotIn("cast", mixed)
        self.assertEqual([line.split()[0] for line in full.splitlines()[2:]],
                         [line.split()[0] for line in mixed.splitlines()[2:]])


if __name__ == "__main__":
    unittest.main()
