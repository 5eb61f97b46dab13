#!/usr/bin/env python3
"""`slipway predict`: every kind of input and output, against the formula and against the dataset's own samples."""

import csv
import gzip
import io
import json
import os
import re
import sys
import unittest

import h5py
import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from pictures import grey_jpeg, idx, png
from runs import RunTest, parameters

# Digits of MNIST's size. Each class is bright elsewhere; blocks of 8 x 8 equal pixels survive JPEG.
IMAGES = """
data:
  train: {idx: {inputs: images.idx3, labels: labels.idx1, classes: [zero, one, two]}}
  test: {idx: {inputs: images.idx3, labels: labels.idx1}}
  transforms: [to_float, normalize: {mean: 0.25, std: 0.5}]
model: [flatten, linear: 3]
loss: cross_entropy
train: {epochs: 2, batch_size: 16, optimizer: {sgd: {learning_rate: 0.01}}}
"""

# Semicolons, a mark of its own for missing values, a column of codes and one of texts.
TABLE = """
data:
  train:
    csv: {path: train.csv, delimiter: ";", missing: ["-"], categorical: [zone], ignore: [id], target: price}
  test: {csv: {path: test.csv, delimiter: ";", missing: ["-"], categorical: [zone], ignore: [id], target: price}}
  transforms: [standardize, one_hot]
model: [linear: 4, tanh, linear: 1]
loss: mse
train: {epochs: 1, batch_size: 8, optimizer: {sgd: {learning_rate: 0.1}}}
"""


class PredictTest(RunTest):
    def predict(self, *inputs, run="runs/run"):
        """What JSON says of each sample."""
        lines = self.slipway("predict", run, *inputs, "--format=json", "--threads=1").stdout.splitlines()
        return [json.loads(line) for line in lines]

    def assert_refused(self, *parts, inputs, run="runs/run"):
        message = self.refused("predict", run, *inputs)
        for part in parts:
            self.assertIn(part, message)

    def assert_shortest(self, texts, values):
        """The texts read back to these float32 values, and have no digit that they do not need."""
        def digits(text):
            return re.sub(r"e.*|[.-]", "", text).strip("0")
        self.assertEqual([np.float32(text) for text in texts], [np.float32(value) for value in values])
        self.assertEqual([digits(text) for text in texts], [digits(str(np.float32(value))) for value in values])


class ImagesTest(PredictTest):
    def setUp(self):
        super().setUp()
        random = np.random.default_rng(3)
        self.labels = np.arange(48, dtype=np.uint8) % 3
        blocks = random.integers(0, 90, (48, 4, 4))
        blocks[np.arange(48), self.labels] += 150
        self.images = np.kron(blocks, np.ones((8, 8))).astype(np.uint8)[:, :28, :28]
        self.write("images.idx3", idx(self.images))
        self.write("labels.idx1", idx(self.labels))
        self.train(self.write("run.yaml", IMAGES))

    def expected(self, images):
        """softmax(W x + b) of x = (pixels / 255 - mean) / std"""
        weights = parameters(self.path("runs/run/checkpoints/best.h5"))
        x = (images.reshape(len(images), -1) / 255.0 - 0.25) / 0.5
        scores = x @ weights["parameters/linear_1.weight"].astype(np.float64).T + weights["parameters/linear_1.bias"]
        exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
        return exponentials / exponentials.sum(axis=1, keepdims=True)

    def test_the_configurations_own_test_data(self):
        expected = self.expected(self.images)
        found = self.predict()
        self.assertEqual([one["sample"] for one in found[:2]], ["sample 0", "sample 1"])
        for one, probabilities in zip(found, expected, strict=True):
            np.testing.assert_allclose(one["probabilities"], probabilities, atol=1e-5)
            self.assertEqual(one["index"], probabilities.argmax())
            self.assertEqual(one["label"], ("zero", "one", "two")[one["index"]])
        self.assertEqual({one["label"] for one in found}, {"zero", "one", "two"})

    def assert_same_prediction(self, one, other):
        """But for the rounding of float32: batches of other sizes may be computed in another order."""
        np.testing.assert_allclose(one["probabilities"], other["probabilities"], rtol=0, atol=1e-6)
        rest = [{name: value for name, value in each.items() if name not in ("sample", "probabilities")} for each in (one, other)]
        self.assertEqual(*rest)

    def test_files_give_what_the_datasets_own_samples_give(self):
        own = self.predict()
        for number in range(3):
            self.write(f"digits/{number}.png", png(self.images[number]))
        self.write("digits/deep/3.JPG", grey_jpeg(self.images[3]))
        self.write("digits/notes.txt", "no picture")
        self.write("colour.png", png(np.repeat(self.images[4][:, :, None], 3, axis=2)))
        self.write("some-idx3-ubyte.gz", gzip.compress(idx(self.images[5:8])))
        with h5py.File(self.path("some.h5"), "w") as file:
            file["image"] = self.images[8:10, None]
        for inputs, samples, first in (
                (["digits/1.png"], ["digits/1.png"], 1),
                (["digits"], ["digits/0.png", "digits/1.png", "digits/2.png", "digits/deep/3.JPG"], 0),
                (["digits/deep/3.JPG", "colour.png"], ["digits/deep/3.JPG", "colour.png"], 3),
                (["some-idx3-ubyte.gz"], [f"some-idx3-ubyte.gz[{i}]" for i in range(3)], 5),
                (["some.h5"], ["some.h5:/image[0]", "some.h5:/image[1]"], 8)):
            found = self.predict(*inputs)
            self.assertEqual([one["sample"] for one in found], samples)
            for i, one in enumerate(found):
                self.assert_same_prediction(one, own[first + i])

    def test_formats(self):
        self.write("a, b.png", png(self.images[0]))
        self.write("c.png", png(self.images[1]))
        found = self.predict("a, b.png", "c.png")
        lines = self.slipway("predict", "runs/run", "a, b.png", "c.png", "--threads=1").stdout.splitlines()
        for line, one in zip(lines, found, strict=True):
            percent = round(100 * one["probabilities"][one["index"]], 1)
            self.assertEqual(line, f"{one['sample']}: {one['label']} ({percent:g} %)")
        self.slipway("predict", "runs/run", "a, b.png", "c.png", "--format=csv", "--output=out.csv", "--threads=1")
        with open(self.path("out.csv"), encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        self.assertEqual(rows[0], ["sample", "label", "index", "zero", "one", "two"])
        self.assertEqual([row[:3] for row in rows[1:]],
                         [[one["sample"], one["label"], str(one["index"])] for one in found])
        for row, one in zip(rows[1:], found):
            self.assert_shortest(row[3:], one["probabilities"])

    def test_mistakes(self):
        self.write("notes.txt", "no picture")
        self.write("false.png", "no picture")
        self.write("small.png", png(self.images[0, :20]))
        self.write("damaged.png", png(self.images[0])[:60])
        self.write("table.csv", "a,b\n1,2\n")
        self.write("idx3-short", idx(self.images)[:-1])
        self.write("idx3-small", idx(self.images[:, :27]))
        self.write("rows.h5", "text")
        with h5py.File(self.path("other.h5"), "w") as file:
            file["picture"] = self.images
        os.mkdir(self.path("empty"))
        images = "expected images (.png, .jpg, .jpeg), a directory of them, an IDX or an HDF5 file"
        for inputs, parts in (
                (["nothing.png"], ["nothing.png: does not exist"]),
                (["empty"], ["empty: holds no .jpg, .jpeg or .png file"]),
                (["small.png"], ["small.png: is 28x20 pixels, the model was trained on 28x28"]),
                (["false.png"], ["false.png: neither a JPEG nor a PNG file"]),
                (["damaged.png"], ["damaged.png: a damaged PNG file"]),
                (["notes.txt"], ["notes.txt: ", images, "image uint8[1, 28, 28]"]),
                (["table.csv"], ["table.csv: ", images]),
                (["small.png", "notes.txt"], ["notes.txt: expected a .jpg, .jpeg or .png file"]),
                (["images.idx3", "small.png"], ["images.idx3: is followed by small.png, but only images"]),
                (["idx3-short"], ["idx3-short: byte 16: the data takes"]),
                (["idx3-small"],
                 ["idx3-small: holds samples of uint8[1, 27, 28], the model expects image uint8[1, 28, 28]"]),
                (["labels.idx1"], ["labels.idx1: holds samples of uint8[]"]),
                (["rows.h5"], ["rows.h5: "]),
                (["other.h5"], ["other.h5", "'image'", "picture"])):
            with self.subTest(inputs):
                self.assert_refused(*parts, inputs=inputs)
        self.assert_refused("there is no run or checkpoint runs/other", inputs=["small.png"], run="runs/other")
        self.assert_refused("nowhere/out.csv: cannot be written", inputs=["images.idx3", "--output=nowhere/out.csv"])
        self.assertIn("--format", self.refused("predict", "runs/run", "images.idx3", "--format=xml"))


class RowsTest(PredictTest):
    COLUMNS = ["id", "size", "zone", "town", "price"]

    def setUp(self):
        super().setUp()
        random = np.random.default_rng(4)
        self.rows = [[str(i), random.choice(["-", "", "80", f"{random.uniform(20, 200):.1f}"]),
                      random.choice(["7", "12", "08"]),
                      random.choice(["Bern", "Rome", "'s-Hertogenbosch; NL"]), f"{random.uniform(1, 9):.2f}"]
                     for i in range(40)]
        self.write("train.csv", self.table(self.rows))
        self.write("test.csv", self.table(self.rows[:12]))
        self.train(self.write("run.yaml", TABLE))

    def table(self, rows, columns=None):
        """A file with these columns of the rows, by default all."""
        file = io.StringIO()
        writer = csv.writer(file, delimiter=";", lineterminator="\n")
        writer.writerow(columns or self.COLUMNS)
        for row in rows:
            writer.writerow([row[self.COLUMNS.index(name)] if name in self.COLUMNS else "?" for name in columns or self.COLUMNS])
        return file.getvalue()

    def outputs(self, *inputs):
        return [one["output"] for one in self.predict(*inputs)]

    def test_rows_are_read_as_in_training(self):
        own = self.outputs()
        self.assertEqual(len(own), 12)
        self.assertGreater(len({output[0] for output in own}), 9)
        # The target may be there, missing, or left out; columns may stand in another order, and others among them.
        for columns in (None, ["id", "size", "zone", "town"], ["town", "more", "size", "zone"]):
            self.write("new.csv", self.table(self.rows[:12], columns))
            found = self.predict("new.csv")
            self.assertEqual([one["sample"] for one in found], [f"new.csv:{line}" for line in range(2, 14)])
            self.assertEqual([one["output"] for one in found], own)
        self.write("new.data", self.table([[*row[:4], "-"] for row in self.rows[:12]]))
        self.assertEqual(self.outputs("new.data"), own)

    def test_missing_values_become_the_mean(self):
        mean = np.mean([float(row[1]) for row in self.rows if row[1] not in ("", "-")])
        self.write("new.csv",
                   self.table([["0", size, "7", "Rome", ""] for size in ("-", "", repr(mean), repr(mean + 50))]))
        marked, empty, middle, above = self.outputs("new.csv")
        self.assertEqual(marked, empty)
        self.assertAlmostEqual(marked[0], middle[0], places=5)
        self.assertGreater(abs(above[0] - middle[0]), 1e-3)

    def test_mistakes(self):
        self.write("photo.png", png(np.zeros((8, 8), np.uint8)))
        self.write("photos/photo.png", png(np.zeros((8, 8), np.uint8)))
        columns = "columns float32[3] of 3 columns (size, zone, town)"
        for name, contents, parts in (
                ("a.csv", "size;zone;town\n1;9;Rome\n", ["a.csv:2: column 'zone' holds '9', expected one of"]),
                ("b.csv", "size;zone;town\n1;7;Rome\n2;7;Paris\n",
                 ["b.csv:3: column 'town' holds 'Paris', expected one of", "Bern"]),
                ("c.csv", "size;zone;town\nNA;7;Rome\n", ["c.csv:2: column 'size' holds 'NA', expected a number"]),
                ("d.csv", "size;zones;town\n1;7;Rome\n", ["d.csv: unknown column 'zone', did you mean 'zones'?"]),
                ("e.csv", "size,zone,town\n1,7,Rome\n",
                 ["e.csv: unknown column 'size', expected one of size,zone,town"]),
                ("f.csv", "size;zone;town\n1;7\n", ["f.csv:2: 2 cells, expected 3"]),
                ("g.csv", "size;zone;town\n", ["g.csv: has no records"]),
                ("photo.png", None, ["photo.png: is an image, but the model expects " + columns]),
                ("photos", None, ["photos: is a directory, but the model expects " + columns])):
            with self.subTest(name):
                if contents:
                    self.write(name, contents)
                self.assert_refused(*parts, inputs=[name])
        self.assert_refused("a.csv: is followed by b.csv, but only images can be several files",
                            inputs=["a.csv", "b.csv"])

    def test_measuring_needs_targets(self):
        self.write("test.csv", self.table(self.rows[:12], ["id", "size", "zone", "town"]))
        self.assertEqual(len(self.outputs()), 12)
        self.assertRegex(self.refused("evaluate", "runs/run"),
                         r"best\.h5:\d+:\d+: the data have no target, expected price float32\[1\]")


class NamedColumnsTest(PredictTest):
    """The configuration names the columns; the file of training has a first line that is no header."""

    def setUp(self):
        super().setUp()
        self.write("train.csv", "a title,,\n" + "".join(f"{x},{x % 5},{3 * x}\n" for x in range(30)))
        self.train(self.write("run.yaml", """
            data:
              train: {csv: {path: train.csv, header: [x, other, y], skip_rows: 1, use: [x], task: regression}}
            model: [linear: {features: 1, bias: false}]
            loss: mse
            train: {epochs: 1, batch_size: 10, optimizer: {sgd: {learning_rate: 1.0e-4}}}
            """))
        self.weight = parameters(self.path("runs/run/checkpoints/best.h5"))["parameters/linear_1.weight"].item()

    def test_a_file_like_that_of_training_or_one_with_names(self):
        self.assertNotEqual(self.weight, 0)
        for contents, lines in (("a title,,\n1,?,?\n-2,,\n", (2, 3)), ("x\n1\n-2\n", (2, 3)),
                                ("y,x\n?,1\n\n5,-2\n", (2, 4))):
            self.write("new.csv", contents)
            rows = list(csv.reader(self.slipway("predict", "runs/run", "new.csv", "--format=csv").stdout.splitlines()))
            self.assertEqual(rows[0], ["sample", "output_0"])
            self.assertEqual([row[0] for row in rows[1:]], [f"new.csv:{line}" for line in lines])
            # Times 1 and -2: exact.
            self.assert_shortest([row[1] for row in rows[1:]], [self.weight, -2 * self.weight])
        text = self.slipway("predict", "runs/run", "new.csv").stdout.splitlines()
        self.assertEqual(text[0], f"new.csv:2: {self.weight:.6g}")

    def test_mistakes(self):
        self.write("new.csv", "1,2\n3,4\n")
        self.assert_refused("new.csv:2: 2 cells, expected 3, as many as there are columns, or a first record that names the columns",
                            inputs=["new.csv"])
        self.write("new.csv", "x\nmany\n")
        self.assert_refused("new.csv:2: column 'x' holds 'many', expected a number", inputs=["new.csv"])


class ArraysTest(PredictTest):
    def test_hdf5_rows(self):
        random = np.random.default_rng(5)
        with h5py.File(self.path("data.h5"), "w") as file:
            file["signal"] = random.standard_normal((20, 6)).astype(np.float32)
            file["level"] = random.standard_normal((20, 2)).astype(np.float32)
        self.train(self.write("run.yaml", """
            data: {train: {hdf5: {path: data.h5, inputs: [signal], targets: [level]}}}
            model: [linear: 2]
            loss: mse
            train: {epochs: 1, batch_size: 10, optimizer: {sgd: {learning_rate: 0.1}}}
            """))
        rows = random.standard_normal((3, 6)).astype(np.float32)
        with h5py.File(self.path("new.hdf5"), "w") as file:
            file["signal"] = rows
        weights = parameters(self.path("runs/run/checkpoints/best.h5"))
        found = self.predict("new.hdf5")
        self.assertEqual([one["sample"] for one in found], [f"new.hdf5:/signal[{i}]" for i in range(3)])
        np.testing.assert_allclose([one["output"] for one in found],
                                   rows @ weights["parameters/linear_1.weight"].T + weights["parameters/linear_1.bias"],
                                   atol=1e-6)
        with h5py.File(self.path("wide.h5"), "w") as file:
            file["signal"] = np.zeros((3, 7), np.float32)
        self.assert_refused("wide.h5:/signal is float32[3, 7], the model expects samples of signal float32[6]",
                            inputs=["wide.h5"])
        self.write("a.csv", "signal\n1\n")
        self.assert_refused("a.csv: expected an IDX or an HDF5 file", "signal float32[6]", inputs=["a.csv"])


if __name__ == "__main__":
    unittest.main()
