#!/usr/bin/env python3
"""Shapes that do not fit: told with all other mistakes, each with its place, before data are read."""

import gzip
import os
import struct
import sys
import unittest

import h5py
import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from runs import RunTest

# The places of mistakes are (line, column), counted from 1.
CONFIG = """
data:
  train: {random: {shape: [1, 8, 8], classes: 3, samples: 20}}
  transforms: [normalize]
model:
  - flatten
  - linear: 10
loss: cross_entropy
metrics: [accuracy]
train: {epochs: 1, optimizer: sgd}
"""


class MistakesTest(RunTest):
    def mistakes(self, config, *arguments, command="train"):
        """{(line, column): message} of what is refused."""
        message = self.refused(command, self.write("run.yaml", config), *arguments)
        found = {}
        for line in message.removeprefix(f"slipway {command}: ").splitlines():
            place, text = line.removeprefix(self.path("run.yaml") + ":").split(": ", 1)
            found[tuple(map(int, place.split(":")))] = text
        self.assertFalse(os.path.exists(self.path("runs")))
        return found

    def layers(self, *layers):
        return CONFIG.replace("  - flatten\n  - linear: 10\n", "".join(f"  - {layer}\n" for layer in layers))

    def test_every_kind_of_mistake_at_once(self):
        config = self.layers("flatten", "conv2d: {filters: 4, kernal: 5}", "relu", "linear: 10", "max_pool: 2", "linear: -3")
        found = self.mistakes(config.replace("epochs: 1", "epochs: soon").replace("[accuracy]", "[acuracy]"))
        self.assertEqual(sorted(found), [(6, 26), (9, 5), (10, 13), (12, 11), (13, 17)])
        self.assertIn("unknown key 'kernal', did you mean 'kernel'?", found[6, 26])
        self.assertIn("max_pool 'max_pool_1': input has shape [64, 10], expected [batch, channels, height, width]",
                      found[9, 5])
        self.assertIn("linear.features: expected", found[10, 13])
        self.assertIn("did you mean 'accuracy'?", found[12, 11])
        self.assertIn("train.epochs: expected", found[13, 17])

    def test_one_mistake_is_told_once(self):
        found = self.mistakes(self.layers("flatten", "conv2d: 4", "batch_norm", "max_pool: 2", "global_avg_pool",
                                          "linear: 10", "conv2d: 4", "flatten", "linear: 10"))
        self.assertEqual(sorted(found), [(6, 5), (11, 5)])
        self.assertIn("conv2d 'conv2d_1': input has shape [64, 64]", found[6, 5])
        self.assertIn("conv2d 'conv2d_2': input has shape [64, 10]", found[11, 5])

    def test_inside_of_other_layers(self):
        found = self.mistakes(self.layers(
            "residual: [conv2d: {filters: 1, kernel: 3, padding: 1}, linear: 8]",
            "repeat: {times: 2, layers: [flatten, linear: 10, conv2d: 4, linear: 10]}",
            "branch: {branches: [linear: 4, reshape: [3, 3], conv2d: 4]}", "max_pool: 2", "flatten", "linear: 5",
            "residual: [linear: 4]"))
        self.assertEqual(list(found), [(6, 54), (7, 36), (7, 53), (11, 5)])
        self.assertIn("conv2d 'repeat_1.2.conv2d_1': input has shape [64, 10]", found[6, 54])
        self.assertIn("[64, 10] with 10 values a sample, which cannot be arranged as [3, 3]", found[7, 36])
        self.assertIn("residual 'residual_2': layers give shape [64, 4], but the input", found[11, 5])

    def test_loss_and_metrics(self):
        found = self.mistakes(CONFIG.replace("cross_entropy", "mse"))
        self.assertIn("mse: for an output of type float32[64, 10] the target must be float32[64, 10], but the dataset's "
                      "'label' is int64[64]", found[7, 7])
        found = self.mistakes(CONFIG.replace("[accuracy]", "[accuracy, r2]"))
        self.assertEqual(list(found), [(8, 21)])
        self.assertEqual(list(self.mistakes(self.layers("linear: {features: 10, nmae: x}").replace("cross_entropy", "mse"))),
                         [(5, 28)])

    def test_every_command_that_reads_a_configuration(self):
        for command in ("train", "summary", "check"):
            self.assertEqual(list(self.mistakes(self.layers("flatten", "conv2d: 4"), command=command)), [(6, 5)])

    def test_before_idx_files_are_read(self):
        images = struct.pack(">4B3I", 0, 0, 8, 3, 20, 8, 8)  # ends behind its header
        self.write("train-images-idx3-ubyte.gz", gzip.compress(images))
        self.write("train-labels-idx1-ubyte", struct.pack(">4BI", 0, 0, 8, 1, 20) + bytes(20))
        config = CONFIG.replace("random: {shape: [1, 8, 8], classes: 3, samples: 20}", "mnist: .").replace(
            "[normalize]", "[to_float, normalize]")
        self.assertIn("the data takes 1280 bytes", self.refused("train", self.write("good.yaml", config)))
        found = self.mistakes(config.replace("flatten", "linear: 3"))
        self.assertEqual(list(found), [(7, 7)])
        self.assertIn("float32[64, 1, 8, 10]", found[7, 7])

    def test_before_hdf5_files_are_read(self):
        with h5py.File(self.path("data.h5"), "w") as file:
            images = file.create_dataset("x", data=np.ones((20, 1, 8, 8), np.float32), chunks=(20, 1, 8, 8), compression="gzip")
            file["y"] = np.arange(20) % 3
            chunk = images.id.get_chunk_info(0)
        with open(self.path("data.h5"), "r+b") as file:  # damaged: whoever reads it fails
            file.seek(chunk.byte_offset)
            file.write(bytes(chunk.size))
        config = CONFIG.replace("random: {shape: [1, 8, 8], classes: 3, samples: 20}",
                                "hdf5: {path: data.h5, inputs: [x], targets: [y]}")
        self.assertIn("data.h5", self.refused("train", self.write("good.yaml", config)))
        self.assertEqual(list(self.mistakes(config.replace("- flatten", "- reshape: [5, 5]"))), [(5, 5)])

    def test_data_that_are_missing_are_told_after_mistakes_of_the_file(self):
        config = CONFIG.replace("random: {shape: [1, 8, 8], classes: 3, samples: 20}", "mnist: nowhere")
        self.assertEqual(list(self.mistakes(config.replace("epochs", "epoch"))), [(9, 9)])
        self.assertIn("nowhere: has no file train-images", self.refused("train", self.write("run.yaml", config)))


if __name__ == "__main__":
    unittest.main()
