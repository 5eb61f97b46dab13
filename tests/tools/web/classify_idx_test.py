#!/usr/bin/env python3
"""The verifier counts right: a linear model that Python's ONNX library writes, on images whose classes NumPy computes."""

import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../tools/web/verify/classify_idx.mjs")
IMAGES, CLASSES = 1203, 7  # more than two batches and a rest


def write_idx(path, array):
    with open(path, "wb") as file:
        file.write(struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes())


def write_model(path, weight):
    """scores = flatten(pixels) weight"""
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["pixels"], ["flat"]), helper.make_node("MatMul", ["flat", "weight"], ["logits"])],
        "linear",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch_size", 1, 4, 5])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch_size", CLASSES])],
        [numpy_helper.from_array(weight, "weight")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


class ClassifyIdxTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = lambda name: os.path.join(directory.name, name)
        random = np.random.default_rng(1)
        images = random.integers(0, 256, (IMAGES, 4, 5), dtype=np.uint8)
        # Whole numbers: the scores, and with them the classes, are exact in any order of summation.
        weight = random.integers(-50, 50, (20, CLASSES)).astype(np.float32)
        self.predicted = (images.reshape(IMAGES, 20).astype(np.float32) @ weight).argmax(1)
        self.labels = self.predicted.astype(np.uint8)
        self.labels[[3, 700, 1202]] = (self.labels[[3, 700, 1202]] + 1) % CLASSES
        write_model(self.path("model.onnx"), weight)
        write_idx(self.path("images"), images)
        write_idx(self.path("labels"), self.labels)

    def run_script(self, *extra):
        return subprocess.run(["node", SCRIPT, "--model", self.path("model.onnx"), "--images", self.path("images"),
                               "--labels", self.path("labels"), *extra], capture_output=True, text=True)

    def write_predictions(self, classes):
        with open(self.path("predictions.csv"), "w", encoding="utf-8") as file:
            file.write("sample,label,index\n" + "".join(f"sample {i},{c},{c}\n" for i, c in enumerate(classes)))
        return "--predictions", self.path("predictions.csv")

    def test_counts_correct_labels(self):
        run = self.run_script(*self.write_predictions(self.predicted))
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(json.loads(run.stdout), {"images": IMAGES, "correct": IMAGES - 3, "accuracy": (IMAGES - 3) / IMAGES,
                                                  "disagreements": 0, "disagreeing": []})

    def test_counts_disagreements(self):
        classes = self.predicted.copy()
        classes[[0, 501]] = (classes[[0, 501]] + 1) % CLASSES
        result = json.loads(self.run_script(*self.write_predictions(classes)).stdout)
        self.assertEqual((result["disagreements"], result["disagreeing"]), (2, [0, 501]))

    def test_names_what_does_not_fit(self):
        run = self.run_script(*self.write_predictions(self.predicted[:-1]))
        self.assertEqual(run.returncode, 1)
        self.assertIn(f"has {IMAGES - 1} rows for {IMAGES} images", run.stderr)
        write_idx(self.path("images"), np.zeros((IMAGES, 4, 4), np.uint8))
        run = self.run_script()
        self.assertEqual(run.returncode, 1)
        self.assertIn("an image has 16 pixels", run.stderr)


if __name__ == "__main__":
    sys.exit(unittest.main())
