#!/usr/bin/env python3
"""The commands besides `train` and `export`: what they print and how they end."""

import glob
import json
import os
import re
import subprocess
import sys
import unittest

import jsonschema
import numpy as np
import yaml

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from runs import IMAGES, SOURCES, TABLE, RunTest, read_checkpoint, read_table

COMMANDS = ["bench", "check", "completion", "devices", "docs", "evaluate", "export", "launch", "predict", "profile", "schema", "summary", "train", "version"]


class CommandLineTest(RunTest):
    def test_help_of_everything(self):
        overview = self.slipway("--help").stdout
        for command in COMMANDS:
            self.assertRegex(overview, rf"\n  {command} +\w")
            text = self.slipway(command, "--help").stdout
            self.assertIn("Usage: slipway " + command, text)
            for line in text.splitlines():
                self.assertLessEqual(len(line), 120, line)

    def test_mistakes_end_with_status_2(self):
        self.assertIn("unknown command 'trian', did you mean 'train'?", self.refused("trian"))
        self.slipway(status=2)
        for arguments in (["train"], ["train", "a.yaml", "--nonsense"], ["train", "a.yaml", "--threads=0"],
                          ["train", "a.yaml", "--threads=many"], ["evaluate"], ["predict"], ["completion", "tcsh"],
                          ["bench", "nothing"], ["check", "a.yaml", "--samples=0"], ["check", "a.yaml", "--elements=-1"]):
            self.slipway(*arguments, status=2)
        self.assertIn("did you mean 'all_reduce'? Known: ", self.refused("bench", "all_reduces"))
        self.assertEqual(self.refused("train"), "slipway train: CONFIG is required; see `slipway train --help`\n")
        self.assertIn("a.yaml: cannot be opened", self.refused("train", "a.yaml"))
        for setting in ("train.epochs", "=3", ""):
            self.assertIn("expected KEY=VALUE", self.refused("summary", self.write("run.yaml", TABLE), "--set", setting))

    def test_a_setting_before_the_configuration(self):
        config = self.write("run.yaml", TABLE)
        first = self.slipway("summary", "--set", "train.batch_size=5", "--set", "model.0.linear=7", config).stdout
        self.assertRegex(first, r"\nlinear_1 +linear +\[5, 7\] ")
        self.assertEqual(self.slipway("summary", config, "--set=train.batch_size=5", "--set=model.0.linear=7").stdout, first)

    def test_version(self):
        text = self.slipway("version").stdout
        self.assertRegex(text, r"^slipway \d+\.\d+\.\d+\n")
        for library in ("oneDNN", "HDF5", "ONNX", "yaml-cpp", "zlib"):
            self.assertRegex(text, rf"\n{library}: +\d+\.\d+")
        self.assertRegex(text, r"\nbuild: +\w+, (GCC|Clang) .*SIMD:")
        self.assertRegex(text, r"\nCUDA: +(not in this build|(simulated, .*)?\d+\.\d+)")
        self.assertRegex(text, r"\nMPI: +(not in this build|\w.* v?\d+\.\d+)")
        self.assertEqual(self.slipway("--version").stdout.strip(), text.splitlines()[0])

    def test_devices(self):
        lines = self.slipway("devices").stdout.splitlines()
        self.assertEqual(lines[0].split(), ["device", "name", "memory", "free", "capability", "driver", "state"])
        self.assertRegex(lines[1], r"^cpu +\S.*, \d+ threads .* usable$")
        devices = [line.split()[0] for line in lines[2:] if line.startswith("cuda:")]
        self.assertEqual(devices, [f"cuda:{i}" for i in range(len(devices))])
        if not devices:
            self.assertRegex(lines[2], r"^No CUDA device: \w.*\.$")

    def test_a_device_that_is_not_there(self):
        config = self.write("run.yaml", TABLE)
        for device in ("gpu", "cuda1", "cuda:", "cuda:x", "cuda:-1", "CPU"):
            self.assertIn(f"device '{device}': expected auto, cpu, cuda or cuda:N", self.refused("train", config, "--device", device))
        for command in (["train", config], ["check", config], ["bench", "mlp"]):
            self.assertRegex(self.refused(*command, "--device", "cuda:99"), "device 'cuda:99': (this build has no|there)")
        self.assertIn("device 'tpu'", self.refused("train", config, "--set=device=tpu"))
        self.slipway("train", config, "--set=device=tpu", "--device=cpu", "--quiet")
        self.assertIn("device 'cuda:99'", self.refused("evaluate", "runs/run", "--device", "cuda:99"))
        self.assertIn("device 'cuda:99'", self.refused("predict", "runs/run", "--device", "cuda:99"))

    def test_completion_in_bash(self):
        script = self.write("completion", self.slipway("completion", "bash").stdout)

        def complete(*words):
            line = " ".join(f"'{word}'" for word in words)
            program = (f". '{script}'; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _slipway; "
                       'printf "%s\\n" "${COMPREPLY[@]}"')
            return subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True,
                                  cwd=self.directory).stdout.split()

        self.assertEqual(complete("slipway", ""), COMMANDS)
        self.assertEqual(complete("slipway", "pre"), ["predict"])
        self.assertEqual(complete("slipway", "train", "--re"), ["--resume"])
        self.write("run.yaml", TABLE)
        self.assertEqual(complete("slipway", "train", "run"), ["run.yaml"])
        self.assertIn("bashcompinit", self.slipway("completion", "zsh").stdout)
        fish = self.slipway("completion", "fish").stdout
        for line in fish.splitlines():
            self.assertRegex(line, r"^complete -c slipway -n ('[^']*'|\w+) (-f -a \w+|-l [a-z-]+) -d '[^']*'$")

    def test_docs(self):
        everything = self.slipway("docs").stdout
        for name in ("conv2d", "adamw", "cosine", "cross_entropy", "accuracy", "mnist", "random_crop"):
            self.assertRegex(everything, rf"\b{name}\b")
            page = self.slipway("docs", name).stdout
            self.assertIn(name, page)
        conv = self.slipway("docs", "conv2d").stdout
        for field in ("filters", "kernel", "stride", "padding", "dilation", "groups", "bias"):
            self.assertRegex(conv, rf"\b{field}\b")
        self.assertIn("adamw", self.slipway("docs", "optimizer").stdout)
        self.assertIn("did you mean 'conv2d'?", self.refused("docs", "conv3d"))


class SchemaTest(RunTest):
    def setUp(self):
        super().setUp()
        schema = json.loads(self.slipway("schema").stdout)
        jsonschema.Draft202012Validator.check_schema(schema)
        self.validator = jsonschema.Draft202012Validator(schema)

    def test_accepts_every_configuration(self):
        files = glob.glob(os.path.join(SOURCES, "configs/*.yaml"))
        self.assertGreaterEqual(len(files), 4)
        for file in files:
            with open(file, encoding="utf-8") as stream:
                self.validator.validate(yaml.safe_load(stream))

    def test_accepts_the_resolved_configuration_of_a_run(self):
        self.train(self.write("run.yaml", IMAGES), train__max_steps=1)
        with open(self.path("runs/run/config.yaml"), encoding="utf-8") as stream:
            self.validator.validate(yaml.safe_load(stream))
        self.train(self.path("runs/run/config.yaml"), runs="again", train__max_steps=1)
        self.assert_same_run(self.path("runs/run"), self.path("again/run"))

    def test_refuses_mistakes(self):
        good = yaml.safe_load(TABLE)
        self.validator.validate(good)
        for change in (lambda c: c.pop("model"), lambda c: c.update(modle=[]), lambda c: c["train"].update(epochs="three"),
                       lambda c: c["train"].update(batch_size=0), lambda c: c["train"].update(optimizer="adamv"),
                       lambda c: c["model"].append({"linear": {"features": 3, "bais": False}})):
            config = yaml.safe_load(TABLE)
            change(config)
            self.assertFalse(self.validator.is_valid(config), config)


class ModelVerbsTest(RunTest):
    def test_summary(self):
        config = self.write("run.yaml", IMAGES)
        text = self.slipway("summary", config, "--batch", 2).stdout
        rows = {line.split()[0]: line for line in text.splitlines() if line.strip()}
        self.assertRegex(rows["conv2d_1"], r"conv2d +\[2, 5, 8, 8\] +50 ")
        self.assertRegex(rows["batch_norm_1"], r"\[2, 5, 8, 8\] +10 ")
        self.assertRegex(rows["linear_1"], r"linear +\[2, 3\] +243 ")
        self.assertRegex(rows["total"], r"\[2, 3\] +303 ")
        self.assertIn("10 values are not trained", text)
        # A multiplication and an addition for each of 9 weights in 2 * 5 * 8 * 8 places, and the bias.
        self.assertRegex(rows["conv2d_1"], r" (11\.5|12\.2) k ")
        frozen = self.slipway("summary", config, "--set=train.freeze=[conv2d_1.*]").stdout
        self.assertRegex(frozen, r"total +\[8, 3\] +253 ")

    def test_check_compares_gradients(self):
        config = self.write("run.yaml", IMAGES)
        text = self.slipway("check", config, "--samples", 3, "--threads", 1).stdout
        self.assertIn("All gradients agree.", text)
        for name in ("conv2d_1.weight", "batch_norm_1.weight", "linear_1.bias"):
            self.assertIn(name, text)
        text = self.slipway("check", config, "--samples", 3, "--tolerance", "1e-300", "--threads", 1, status=1).stdout
        self.assertIn("Some gradients differ.", text)
        self.assertRegex(text, r"differs at element \d+: gradient ")

    def test_evaluate(self):
        config = self.write("run.yaml", TABLE)
        self.train(config, data__test="{random: {shape: [6], classes: 3, samples: 21, seed: 3}}")
        rows = read_table(self.path("runs/run"))
        best = [row for row in rows if row["best"] == "1"][-1]

        def measure(*arguments):
            return json.loads(self.slipway("evaluate", *arguments, "--json", "--threads", 1).stdout)

        found = measure("runs/run", "--on", "validation")
        self.assertEqual(found["checkpoint"], "runs/run/checkpoints/best.h5")
        self.assertEqual(found["samples"], 10)
        self.assertAlmostEqual(found["figures"]["accuracy"], float(best["validation_accuracy"]))
        self.assertAlmostEqual(found["figures"]["loss"], float(best["validation_loss"]), places=6)
        last = measure("runs/run/checkpoints/last.h5", "--on", "validation")
        self.assertAlmostEqual(last["figures"]["loss"], float(rows[-1]["validation_loss"]), places=6)
        self.assertEqual(measure("runs/run")["samples"], 21)
        self.assertEqual(measure("runs/run", "--on", "train")["samples"], 40)
        self.assertRegex(self.slipway("evaluate", "runs/run").stdout,
                         r"best\.h5 \(step \d+\) on 21 samples:\n  loss +\d.*\n  accuracy +0\.\d+\n")

    def test_evaluate_refuses(self):
        self.train(self.write("run.yaml", TABLE), data__validation="null", train__max_steps=1)
        self.assertIn("has no test data", self.refused("evaluate", "runs/run"))
        self.assertIn("there is no run or checkpoint nowhere", self.refused("evaluate", "nowhere"))
        os.mkdir(self.path("empty"))
        self.assertIn("holds no checkpoint", self.refused("evaluate", "empty"))
        self.assertIn("is no Slipway checkpoint", self.refused("evaluate", self.write("some.h5", "text")))

    def test_evaluate_a_model_whose_output_is_an_image(self):
        config = self.write("run.yaml", """
            data: {train: {hdf5: {path: data.h5, inputs: [x], targets: [x2]}}, split: 0.25}
            model: [conv2d: {filters: 16, kernel: 3, padding: 1}, relu, conv2d: {filters: 16, kernel: 3, padding: 1}]
            loss: mse
            metrics: [mse]
            train: {epochs: 1, batch_size: 4, optimizer: {sgd: {learning_rate: 0.01}}}
            """)
        import h5py
        random = np.random.default_rng(1)
        with h5py.File(self.path("data.h5"), "w") as file:
            file["x"] = random.standard_normal((16, 16, 5, 5)).astype(np.float32)
            file["x2"] = file["x"][...] * 2
        self.train(config)
        weights = read_checkpoint(self.path("runs/run/checkpoints/best.h5"))
        lines = self.slipway("predict", "runs/run", "data.h5", "--format", "json", "--threads", 1).stdout.splitlines()
        import torch
        with h5py.File(self.path("data.h5")) as file:
            value = torch.from_numpy(file["x"][...])
        for number in (1, 2):
            value = torch.nn.functional.conv2d(value, *(torch.from_numpy(weights[f"parameters/conv2d_{number}.{kind}"])
                                                        for kind in ("weight", "bias")), padding=1)
            value = value.relu() if number == 1 else value
        self.assertEqual(len(lines), 16)
        for line, expected in zip(lines, value):
            np.testing.assert_allclose(json.loads(line)["output"], expected.flatten().numpy(), atol=1e-5)

    def test_bench(self):
        result = json.loads(self.slipway("bench", "mlp", "--seconds", "0.05", "--threads", 1).stdout)
        self.assertEqual((result["workload"], result["threads"], result["parameters"]), ("mlp", 1, 85002))
        self.assertGreater(result["samples_per_s"], 0)
        self.assertLess(result["loss_last"], result["loss_first"])


if __name__ == "__main__":
    unittest.main()
