#!/usr/bin/env python3
"""Mistakes in a configuration: each is told with its place, before any data is read, and leaves nothing behind."""

import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from runs import RunTest

# A line each; nobody can read data that is nowhere.
GOOD = {
    "data": "{train: {mnist: {path: nowhere}}}",
    "model": "[flatten, linear: 10]",
    "loss": "cross_entropy",
    "metrics": "[accuracy]",
    "train": "{epochs: 1, batch_size: 4, optimizer: {sgd: {learning_rate: 0.1}}}",
}
RANDOM = "{train: {random: {shape: [6], classes: 3, samples: 8}}}"
DENSE = "{dense: {parameters: {width: null}, layers: [linear: $width]}}"
MARK = "»"  # stands before what is wrong


def config(**changes):
    """The good configuration with lines changed or added; None leaves one out."""
    return "".join(f"{key}: {value}\n" for key, value in {**GOOD, **changes}.items() if value is not None)


class ConfigMistakesTest(RunTest):
    def mistakes(self, text, *arguments):
        """Trains from a file, expects a refusal that leaves nothing behind, and returns the lines it says."""
        self.write("run.yaml", text)
        before = sorted(os.listdir(self.directory))
        message = self.refused("train", "run.yaml", *arguments)
        self.assertEqual(sorted(os.listdir(self.directory)), before)
        self.assertTrue(message.startswith("slipway train: "), message)
        return message.removeprefix("slipway train: ").splitlines()

    def check_marked(self, text, *expected):
        """Each mark in the text is the place of one mistake, in the order of `expected`."""
        places = []
        for number, line in enumerate(text.splitlines(), 1):
            for count, mark in enumerate(re.finditer(MARK, line)):
                places.append(f"run.yaml:{number}:{mark.start() + 1 - count}: ")
        found = self.mistakes(text.replace(MARK, ""))
        self.assertEqual(len(places), len(expected), text)
        self.assertEqual(len(found), len(expected), found)
        for line, place, what in zip(found, places, expected):
            self.assertTrue(line.startswith(place + what), f"{line!r} is not {place + what!r}")

    def check(self, *expected, **changes):
        with self.subTest(changes):
            self.check_marked(config(**changes), *expected)

    def test_the_good_configuration_lacks_nothing_but_data(self):
        found = self.mistakes(config())
        self.assertEqual(found,
                         [self.path("nowhere") + ": has no file train-images-idx3-ubyte or train-images-idx3-ubyte.gz"])

    def test_unknown_keys(self):
        self.check("data: unknown key 'vlidation', did you mean 'validation'?",
                   data="{train: {mnist: {path: nowhere}}, »vlidation: {mnist: {path: nowhere}}}")
        self.check("train.checkpoint: unknown key 'every_epoch', did you mean 'every_epochs'?",
                   train="{optimizer: adam, checkpoint: {»every_epoch: 1}}")
        self.check("linear: unknown key 'bais', did you mean 'bias'? Known: features, bias,",
                   model="[flatten, linear: {features: 10, »bais: false}]")
        self.check("normalize: unknown key 'sdt', did you mean 'std'?",
                   data="{train: {mnist: {path: nowhere}}, transforms: [to_float, normalize: {mean: 1, »sdt: 2}]}")
        self.check_marked(config() + "»sed: 1\n", "unknown key 'sed', did you mean 'seed'?")

    def test_wrong_types(self):
        self.check("train.epochs: expected an integer >= 0, got 'many'", train="{epochs: »many, optimizer: adam}")
        self.check("train.epochs: expected an integer >= 0, got '1.5'", train="{epochs: »1.5, optimizer: adam}")
        self.check("train.epochs: expected an integer >= 0, got a list", train="{epochs: »[1, 2], optimizer: adam}")
        self.check("train.drop_last: expected true or false, got 'sometimes'",
                   train="{drop_last: »sometimes, optimizer: adam}")
        self.check("sgd.momentum: expected a number in [0, 1), got '0.9s'",
                   train="{optimizer: {sgd: {momentum: »0.9s}}}")
        self.check("train.early_stopping.patience: expected an integer >= 0, got 'never'",
                   train="{optimizer: adam, early_stopping: »never}")
        self.check("linear.features: expected an integer >= 1, got 'ten'", model="[flatten, linear: »ten]")
        self.check("relu: expected a mapping, got '3'", model="[flatten, relu: »3]")
        self.check("model: expected a list, each a layer, got 'linear'", model="»linear")
        self.check("expected a layer as `name` or `name: settings`, got a mapping of 2 keys: relu, linear",
                   model="[flatten, »{relu: , linear: 3}]")

    def test_values_out_of_range(self):
        self.check("seed: expected an integer >= 0, got '-1'", seed="»-1")
        self.check("train.batch_size: expected an integer >= 1, got '0'", train="{batch_size: »0, optimizer: adam}")
        self.check("train.average_decay: expected a number in [0, 1), got '1.0'",
                   train="{average_decay: »1.0, optimizer: adam}")
        self.check("sgd.learning_rate: expected a number >= 0, got '-1'",
                   train="{optimizer: {sgd: {learning_rate: »-1}}}")
        self.check("cross_entropy.label_smoothing: expected a number in [0, 1), got '2'",
                   loss="{cross_entropy: {label_smoothing: »2}}")
        self.check("conv2d.kernel: expected an integer >= 1, got '0'", model="[conv2d: {filters: 4, kernel: [»0, 3]}]")
        self.check("padding: expected `same` or integers >= 0, got 'smae'",
                   model="[conv2d: {filters: 4, kernel: 3, padding: »smae}]")
        self.check("top_k.k: expected an integer >= 1, got '0'", metrics="[top_k: {k: »0}]")
        self.check("data.split.fraction: expected a number in [0, 1), got '1.2'",
                   data="{train: {mnist: {path: nowhere}}, split: {fraction: »1.2}}")
        self.check("mnist.part: unknown value 'trian', did you mean 'train'? Known: train, test",
                   data="{train: {mnist: {path: nowhere, part: »trian}}}")

    def test_missing_keys(self):
        self.check_marked("»data: {train: {mnist: nowhere}}\nmodel: [flatten]\ntrain: {optimizer: adam}\n",
                          "missing key 'loss', expected a loss")
        self.check("linear: missing key 'features', expected an integer >= 1", model="[flatten, »linear: {}]")
        self.check("linear: missing key 'features', expected an integer >= 1", model="[flatten, »linear]")
        self.check("mnist: missing key 'path', expected a string", data="{train: {»mnist: {part: test}}}")
        self.check_marked(config(train=None) + "»train: {epochs: 1}\n",
                          "train: missing key 'optimizer', expected an optimizer")

    def test_unknown_names(self):
        self.check("unknown layer 'lineer', did you mean 'linear'? Known: avg_pool,", model="[flatten, »lineer: 10]")
        self.check("unknown layer 'reluu', did you mean 'relu'?",
                   model="[sequence: [flatten, repeat: {times: 2, layers: [»reluu]}]]")
        self.check("unknown loss 'cross_entorpy', did you mean 'cross_entropy'?", loss="»cross_entorpy")
        self.check("unknown metric 'accurcy', did you mean 'accuracy'?", metrics="[accuracy, »accurcy]")
        self.check("unknown optimizer 'sdg', did you mean 'sgd'?", train="{optimizer: {»sdg: {learning_rate: 0.1}}}")
        self.check("unknown schedule 'cosin', did you mean 'cosine'?", train="{optimizer: adam, schedule: »cosin}")
        self.check("unknown dataset 'mnits', did you mean 'mnist'?", data="{train: {»mnits: {path: nowhere}}}")
        self.check("unknown transform 'to_flat', did you mean 'to_float'?",
                   data="{train: {mnist: {path: nowhere}}, transforms: [»to_flat]}")

    def test_settings_that_contradict(self):
        self.check("csv: delimiter 'ab', expected one character or tab",
                   data="{train: {»csv: {path: a.csv, delimiter: ab}}}")
        self.check("csv: has both use and ignore, expected one of them",
                   data="{train: {»csv: {path: a.csv, use: [a], ignore: [b]}}}")
        self.check("split holds validation samples out of train, but `validation` is given too; expected one of the two",
                   data="{train: {mnist: nowhere}, validation: {mnist: nowhere}, »split: 0.2}")

    def test_blocks(self):
        self.check("dense: missing argument 'width'", model="[flatten, »dense]", blocks=DENSE)
        self.check("dense: missing argument 'width'", "dense: unknown argument 'wdith', did you mean 'width'?",
                   model="[flatten, »dense: {»wdith: 3}]", blocks=DENSE)
        self.check("dense: unknown parameter 'widht', did you mean 'width'?", model="[flatten, dense: 3]",
                   blocks=DENSE.replace("$width", "»$widht"))
        self.check("linear.features: expected an integer >= 1, got 'many'", model="[flatten, dense: many]",
                   blocks=DENSE.replace("$width", "»$width"))
        self.check("linear.features: expected an integer >= 1, got '$width'", model="[flatten, linear: »$width]")
        self.check("block 'linear' has the name of a registered layer", blocks="{»linear: {layers: [relu]}}")
        self.check("block 'a' contains itself: a -> b -> a", model="[a]",
                   blocks="{»a: {layers: [b]}, b: {layers: [a]}}")
        self.check("a: missing key 'layers', expected a list, each a layer",
                   "a: unknown key 'layer', did you mean 'layers'?",
                   model="[a]", blocks="{»a: {»layer: [relu]}}")

    def test_what_is_no_yaml(self):
        self.check("key 'epochs' is given twice, first in line 5", train="{epochs: 1, optimizer: adam, »epochs: 2}")
        self.check("malformed YAML: ", model="[flatten, linear: »*ten]")
        self.check_marked("model: [flatten\nloss»: mse\n", "malformed YAML: end of sequence flow not found")
        self.check_marked("a: 1\n---\n»b: 2\n", "a second document begins, expected one")
        self.check_marked("»- a\n", "expected a mapping with data, model, loss and train")
        self.assertEqual(self.mistakes(""), ["run.yaml:1:1: expected a mapping with data, model, loss and train"])

    def test_shapes_that_do_not_fit(self):
        place = r"run.yaml:2:20: "
        for model, what in (
                ("[linear: 3, conv2d: {filters: 2, kernel: 3}]",
                 r"conv2d 'conv2d_1': input has shape \[\d+, 3\], expected \[batch, channels,"),
                ("[linear: 3, reshape: [2, 3]]",
                 r"reshape 'reshape_1': input has shape \[\d+, 3\] with 3 values a sample, which cannot be "),
                ("[linear: 3, residual: [linear: 4]]",
                 r"residual 'residual_1': layers give shape \[\d+, 4\], but the input .* has \[\d+, 3\];")):
            with self.subTest(model):
                found = self.mistakes(f"data: {RANDOM}\nmodel: {model}\nloss: cross_entropy\ntrain: {GOOD['train']}\n")
                self.assertEqual(len(found), 1)
                self.assertRegex(found[0], "^" + place + what)

    def test_settings_on_the_command_line(self):
        text = config()
        for setting, place, what in (
                ("train.epoch=3", "--set train.epoch:1:1: ", "train: unknown key 'epoch', did you mean 'epochs'?"),
                ("train.epochs=many", "--set train.epochs:1:1: ", "train.epochs: expected an integer >= 0, got 'many'"),
                ("train.optimizer=sdg", "--set train.optimizer:1:1: ", "unknown optimizer 'sdg', did you mean 'sgd'?"),
                ("train.optimizer.adam.beta1=0", "run.yaml:5:46: ",
                 "expected an optimizer as `name` or `name: settings`, got a "
                 "mapping of 2 keys: sgd, adam"),
                ("train.epochs.more=3", "",
                 "cannot set 'train.epochs.more': 'train.epochs' is the value '1' (run.yaml:5:17)"),
                ("model.7.linear=3", "",
                 "cannot set 'model.7.linear': 'model' is a list of 2 (run.yaml:2:8), '7' is no index of it"),
                ("train.epochs", "", "--set train.epochs: expected KEY=VALUE, such as train.epochs=3")):
            with self.subTest(setting):
                found = self.mistakes(text, "--set", setting)
                self.assertEqual(len(found), 1)
                self.assertTrue(found[0].startswith(place + what), found)

    def test_all_mistakes_of_a_file_at_once(self):
        self.check_marked("""\
# A comment, so that lines are counted and not guessed.
data:
  train:
    mnist: {path: nowhere}
  transforms:
    - to_float
    - »normalise: {mean: 0.5}
»modle: []
model:
  - conv2d:
      filters: »none
      kernel: 3
      »pading: 1
  - »max_pol: 2
  - flatten
loss: {cross_entropy: {label_smoothing: »1}}
metrics: [»acuracy]
train:
  epochs: »-1
  optimizer:
    »adan: {learning_rate: 0.1}
""", "unknown transform 'normalise', did you mean 'normalize'?", "unknown key 'modle', did you mean 'model'?",
                          "conv2d.filters: expected an integer >= 1, got 'none'",
                          "conv2d: unknown key 'pading', did you mean 'padding'?",
                          "unknown layer 'max_pol', did you mean 'max_pool'?",
                          "cross_entropy.label_smoothing: expected a number in [0, 1), got '1'",
                          "unknown metric 'acuracy', did you mean 'accuracy'?",
                          "train.epochs: expected an integer >= 0, got '-1'",
                          "unknown optimizer 'adan', did you mean 'adam'?")

    def test_other_commands_say_the_same(self):
        self.write("run.yaml",
                   "data: {train: {mnist: nowhere}}\nmodel: [lineer: 10]\nloss: mse\ntrain: {optimizer: adam}\n")
        for command in ("summary", "check"):
            self.assertIn("slipway " + command + ": run.yaml:2:9: unknown layer 'lineer'",
                          self.refused(command, "run.yaml"))


if __name__ == "__main__":
    unittest.main()
