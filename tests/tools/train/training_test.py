#!/usr/bin/env python3
"""What a training run does: settings that change it, when it stops, what it keeps."""

import math
import os
import re
import shlex
import shutil
import subprocess
import sys
import unittest

import h5py
import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from runs import IMAGES, TABLE, RunTest, checkpoint_files, parameters, read_checkpoint, read_records, read_table, step_of


def steps(run):
    return [record for record in read_records(run) if record["kind"] == "step"]


class TrainingTest(RunTest):
    def setUp(self):
        super().setUp()
        self.config = self.write("run.yaml", TABLE)
        self.run_path = self.path("runs/run")

    def checkpoint(self, name="last.h5", run=None):
        return os.path.join(run or self.run_path, "checkpoints", name)

    def test_steps_and_epochs(self):
        self.train(self.config, train__batch_size=7)
        self.assertEqual([(s["step"], s["epoch"], s["step_in_epoch"], s["samples"]) for s in steps(self.run_path)[4:8]],
                         [(5, 1, 5, 35), (6, 1, 6, 40), (7, 2, 1, 7), (8, 2, 2, 14)])
        epochs = read_table(self.run_path)
        self.assertEqual([(row["epoch"], row["step"]) for row in epochs], [("1", "6"), ("2", "12"), ("3", "18")])
        sizes = [7] * 5 + [5]
        first = np.average([s["loss"] for s in steps(self.run_path)[:6]], weights=sizes)
        self.assertAlmostEqual(float(epochs[0]["train_loss"]), first, places=6)

    def test_drop_last(self):
        self.train(self.config, train__batch_size=7, train__drop_last="true")
        self.assertEqual([row["step"] for row in read_table(self.run_path)], ["5", "10", "15"])
        message = self.refused("train", self.config, "--runs=other", "--set=train.batch_size=41", "--set=train.drop_last=true")
        self.assertIn("40 samples, fewer than a batch of 41", message)
        self.assertFalse(os.path.exists(self.path("other")))

    def test_max_steps(self):
        self.train(self.config, train__max_steps=7)
        self.assertEqual(steps(self.run_path)[-1]["step"], 7)
        self.assertEqual([row["step"] for row in read_table(self.run_path)], ["5", "7"])

    def test_accumulation_equals_a_larger_batch(self):
        self.train(self.config, runs="large", train__batch_size=20)
        self.train(self.config, runs="small", train__batch_size=5, train__accumulate=4)
        large, small = steps(self.path("large/run")), steps(self.path("small/run"))
        self.assertEqual(len(large), len(small))
        for one, other in zip(large, small):
            for key in ("loss", "gradient_norm"):
                self.assertAlmostEqual(one[key], other[key], places=5)
        ours, theirs = parameters(self.checkpoint(run=self.path("large/run"))), parameters(
            self.checkpoint(run=self.path("small/run")))
        for name in ours:
            np.testing.assert_allclose(ours[name], theirs[name], atol=1e-6)

    def test_schedule(self):
        self.train(self.config, train__schedule="{cosine: {warmup_steps: 5}}")
        rates = [s["learning_rate"] for s in steps(self.run_path)]
        self.assertEqual(len(rates), 15)
        self.assertTrue(all(a < b for a, b in zip(rates[:5], rates[1:6])), rates)
        self.assertAlmostEqual(rates[5], 0.1)
        for step in range(5, 15):
            self.assertAlmostEqual(rates[step], 0.1 * 0.5 * (1 + math.cos(math.pi * (step - 5) / 10)), places=6)

    def test_clipping(self):
        before, after = {}, {}
        for runs, clip in (("free", 0), ("clipped", 0.01)):
            self.train(self.config, runs=runs, train__max_steps=1, train__clip_norm=clip,
                       train__checkpoint__every_steps=1)
            after[runs] = parameters(self.checkpoint(run=self.path(runs, "run")))
            before[runs] = steps(self.path(runs, "run"))[0]["gradient_norm"]
        self.assertEqual(before["free"], before["clipped"])  # measured before clipping
        norm = before["free"]
        # Both runs took one step of plain SGD from the same weights: start = after + rate * gradient.
        gradient = {name: (after["clipped"][name] - after["free"][name]) / (0.1 * (1 - 0.01 / norm)) for name in after["free"]}
        self.assertAlmostEqual(math.sqrt(sum(float((g.astype(np.float64)**2).sum()) for g in gradient.values())), norm,
                               delta=1e-4 * norm)

    def test_average_is_what_is_evaluated(self):
        self.train(self.config, train__average_decay=0.5, train__checkpoint__every_steps=1, train__checkpoint__keep=100,
                   train__max_steps=4, train__batch_size=20)
        average = None
        for step in range(1, 5):
            now = read_checkpoint(self.checkpoint(f"step_{step:09d}.h5"))["parameters/linear_2.weight"]
            average = now if average is None else 0.5 * average + 0.5 * now
        last = read_checkpoint(self.checkpoint())
        np.testing.assert_allclose(last["optimizer/average.parameters.linear_2.weight"], average, atol=1e-7)
        shown = float(read_table(self.run_path)[-1]["validation_loss"])
        measured = self.slipway("evaluate", self.checkpoint(), "--json", "--threads=1").stdout
        self.assertAlmostEqual(__import__("json").loads(measured)["figures"]["loss"], shown, places=6)

    def test_frozen_parameters_stay(self):
        self.train(self.config, runs="start", train__max_steps=1, train__optimizer="{sgd: {learning_rate: 1.0e-30}}")
        self.train(self.config, train__freeze='["linear_1.*"]')
        start, end = parameters(self.checkpoint(run=self.path("start/run"))), parameters(self.checkpoint())
        for name in start:
            self.assertEqual((start[name] == end[name]).all(), name.startswith("parameters/linear_1."), name)
        self.assertIn("unknown parameter 'linaer_1.*'", self.refused("train", self.config, "--set=train.freeze=['linaer_1.*']"))
        self.assertIn("no parameter is left to train", self.refused("train", self.config, "--set=train.freeze=['*']"))

    def test_init_from(self):
        self.train(self.config, runs="first")
        first = self.path("first/run")
        other = TABLE.replace("linear: 8, relu, linear: 3]", "linear: 8, relu, linear: 3, linear: 3]").replace(
            "{shape: [6], classes: 3, samples: 40}", "{shape: [6], classes: 3, samples: 40, seed: 9}")
        config = self.write("next.yaml", other)
        tiny = {"train__max_steps": 1, "train__optimizer": "{sgd: {learning_rate: 1.0e-30}}"}
        output = self.train(config, train__init_from=os.path.relpath(first, self.directory), **tiny).stdout
        self.assertIn("best.h5: 4 variables taken over", output)
        self.assertIn("not in the checkpoint, kept as initialised:\n    linear_3.bias\n    linear_3.weight", output)
        ours = parameters(self.path("runs/next/checkpoints/last.h5"))
        for name, value in parameters(os.path.join(first, "checkpoints/best.h5")).items():
            np.testing.assert_array_equal(ours[name], value, err_msg=name)
        output = self.train(self.config, runs="wide", train__init_from="first/run/checkpoints/last.h5",
                            model="[linear: 8, linear: 5, linear: 3]").stdout
        self.assertIn("of another shape, kept as initialised:", output)
        self.assertIn("linear_2.weight: [3, 8] in the checkpoint, [5, 8] in the model", output)
        self.assertIn("there is no run or checkpoint", self.refused("train", self.config, "--set=train.init_from=nowhere",
                                                                    "--runs=none"))
        self.assertFalse(os.path.exists(self.path("none")))

    def test_retention(self):
        self.train(self.config, train__epochs=6, train__checkpoint__keep=2)
        files = checkpoint_files(self.run_path)
        table = read_table(self.run_path)
        best = [int(row["step"]) for row in table if row["best"] == "1"][-1]
        self.assertEqual({step_of(file) for file in files}, {25, 30, best})
        self.assertEqual(os.readlink(self.checkpoint("last.h5")), "step_000000030.h5")
        self.assertEqual(os.readlink(self.checkpoint("best.h5")), f"step_{best:09d}.h5")

    def test_monitor(self):
        self.train(self.config, train__epochs=6, train__monitor="loss")
        table = read_table(self.run_path)
        losses = [float(row["validation_loss"]) for row in table]
        self.assertEqual([row["best"] == "1" for row in table], [loss == min(losses[:i + 1]) for i, loss in enumerate(losses)])
        message = self.refused("train", self.config, "--set=train.monitor=acuracy", "--runs=none")
        self.assertIn("unknown figure 'acuracy', did you mean 'accuracy'?", message)
        self.assertIn("run.yaml:", message)
        self.assertFalse(os.path.exists(self.path("none")))

    def test_early_stopping(self):
        # A model that does not change does not improve.
        done = self.train(self.config, train__optimizer="{sgd: {learning_rate: 1.0e-30}}", train__epochs=50,
                          train__early_stopping=3)
        self.assertIn("no improvement of accuracy for 3 epochs", done.stdout)
        self.assertEqual([row["best"] for row in read_table(self.run_path)], ["1", "0", "0", "0"])
        self.assertIn("Nothing is left to train", self.train(
            self.config, "--resume", train__optimizer="{sgd: {learning_rate: 1.0e-30}}", train__epochs=50,
            train__early_stopping=3).stdout)

    def test_evaluation_batch_size_does_not_matter(self):
        figures = set()
        for size in (1, 3, 10, 64):
            self.train(self.config, runs=f"runs{size}", train__evaluation_batch_size=size)
            row = read_table(self.path(f"runs{size}/run"))[-1]
            figures.add((row["validation_accuracy"], round(float(row["validation_loss"]), 5)))
        self.assertEqual(len(figures), 1)


class NotFiniteTest(RunTest):
    def check_stop(self, config, *arguments, step):
        """Trains until a step fails and returns the message; what is kept is the state before."""
        keep = ("--set=train.checkpoint.every_steps=1", "--set=train.checkpoint.keep=100", "--threads=1")
        message = self.slipway("train", config, *arguments, *keep, status=2).stderr
        self.assertIn(f"step {step}: ", message)
        kept = checkpoint_files(self.path("runs/run"))[-1]
        self.assertEqual(step_of(kept), step - 1)
        self.assertIn(f"The state before this step is kept: runs/run/checkpoints/{kept}", message)
        for name, value in read_checkpoint(self.path("runs/run/checkpoints", kept)).items():
            self.assertTrue(np.isfinite(value).all(), name)
        return message

    def write_data(self, name="data.h5", samples=40, bad=None, labels=3):
        random = np.random.default_rng(1)
        with h5py.File(self.path(name), "w") as file:
            x = random.standard_normal((samples, 6)).astype(np.float32)
            if bad is not None:
                x[bad, 2] = np.nan
            file["x"] = x
            file["y"] = random.integers(0, labels, samples)
            file["y"][0] = labels - 1
        return f"{{hdf5: {{path: {name}, inputs: [x], targets: [y]}}}}"

    def test_the_operation_in_front_of_a_fused_relu_is_named(self):
        for layer, rows in (("linear: 8", [17]), ("batch_norm", None)):
            config = self.write("run.yaml", TABLE.replace("model: [linear: 8, relu,", f"model: [{layer}, relu,"))
            shutil.rmtree(self.path("runs"), ignore_errors=True)
            self.check_first(config, self.write_data(bad=17), layer, rows)

    def test_the_convolution_in_front_of_a_fused_relu_is_named(self):
        with h5py.File(self.path("images.h5"), "w") as file:
            images = np.random.default_rng(1).standard_normal((40, 3, 8, 8)).astype(np.float32)
            images[[5, 23], 1, 2, 3] = np.nan
            file["x"], file["y"] = images, np.arange(40) % 3
        data = "{hdf5: {path: images.h5, inputs: [x], targets: [y]}}"
        for options in ("{filters: 16, kernel: 3, padding: 1}", "{filters: 4, kernel: 5, stride: 2}"):
            config = self.write("run.yaml", TABLE.replace("[linear: 8, relu,", f"[conv2d: {options}, relu, flatten,"))
            shutil.rmtree(self.path("runs"), ignore_errors=True)
            self.check_first(config, data, "conv2d", [5, 23])

    def check_first(self, config, data, layer, rows):
        """One batch holds all samples: the layer is named, and the samples if they can be told apart."""
        kind = layer.split(":")[0]
        message = self.check_stop(config, f"--set=data.train={data}", "--set=data.validation=null",
                                  "--set=train.batch_size=40", "--set=deterministic=true", step=1)
        self.assertRegex(message, rf"first value that is not finite comes from {kind}\w* '{kind}_1' \(\S+run.yaml:4:\d+\)")
        listed = re.findall(r"sample (\d+)", message.split("samples: ")[1].splitlines()[0])
        if rows is None:
            self.assertIn("(40 samples)", message)
        else:
            self.assertEqual(sorted(map(int, listed)), rows)

    def test_state_and_accumulated_gradients_are_as_before_the_step(self):
        data = self.write_data(bad=17)
        config = self.write("run.yaml", TABLE.replace("linear: 8,", "linear: 8, batch_norm,"))
        settings = [f"--set=data.train={data}", "--set=data.validation=null", "--set=train.batch_size=4",
                    "--set=train.accumulate=2", "--set=train.average_decay=0.9"]
        message = self.slipway("train", config, *settings, "--set=train.checkpoint.every_steps=1",
                               "--set=train.checkpoint.keep=100", "--threads=1", status=2).stderr
        files = checkpoint_files(self.path("runs/run"))
        failed = int(message.split("step ")[1].split(":")[0])
        self.assertEqual(step_of(files[-1]), failed - 1)
        kept = read_checkpoint(self.path("runs/run/checkpoints", files[-1]))
        for name, value in kept.items():
            if "accumulated" in name:
                self.assertFalse(value.any(), name)
        if failed > 1:  # the same as in a run that stops there by itself
            self.slipway("train", config, *settings, f"--set=train.max_steps={failed - 1}", "--threads=1", "--runs=whole")
            whole = read_checkpoint(self.path("whole/run/checkpoints/last.h5"))
            for name in kept:
                if not name.startswith("progress"):
                    np.testing.assert_array_equal(kept[name], whole[name], err_msg=name)

    def test_a_learning_rate_that_is_too_high(self):
        config = self.write("run.yaml", IMAGES)
        message = self.slipway("train", config, "--set=train.optimizer={sgd: {learning_rate: 1.0e+38}}",
                               "--set=train.schedule=constant", "--threads=1", status=2).stderr
        self.assertRegex(message, r"step \d+: the (loss|gradient) is not finite")
        self.assertIn("lower learning rate", message)
        for name, value in parameters(self.path("runs/run/checkpoints/last.h5")).items():
            self.assertTrue(np.isfinite(value).all(), name)


class DiskTest(RunTest):
    def test_a_run_directory_that_cannot_be_written(self):
        config = self.write("run.yaml", TABLE)
        self.write("file", "not a directory")
        self.assertIn("cannot make the directory file", self.refused("train", config, "--runs", "file/runs"))

    def test_a_full_disk_names_the_file_and_keeps_what_is_there(self):
        config = self.write("run.yaml", TABLE.replace("linear: 8,", "linear: 3000,"))
        self.train(config, train__epochs=1)
        files = os.listdir(self.path("runs/run/checkpoints"))
        before = read_checkpoint(self.path("runs/run/checkpoints/last.h5"))

        def limit():  # a file that grows beyond is refused, as on a full disk
            import resource
            import signal
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (60000, 60000))

        done = subprocess.run(self.command("train", config, "--resume", "--threads", 1, "--set=train.epochs=3"),
                              cwd=self.directory, capture_output=True, text=True, preexec_fn=limit)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("cannot write runs/run/", done.stderr)
        self.assertEqual(sorted(os.listdir(self.path("runs/run/checkpoints"))), sorted(files))
        after = read_checkpoint(self.path("runs/run/checkpoints/last.h5"))
        for name in before:
            np.testing.assert_array_equal(before[name], after[name])
        self.train(config, "--resume", train__epochs=3)
        self.train(config, runs="whole", train__epochs=3)
        self.assert_same_run(self.path("runs/run"), self.path("whole/run"))

    def test_a_disk_that_fills_up_loses_nothing(self):
        """On file systems so small that another file is the first to find no room."""
        in_namespace = ["unshare", "--map-root-user", "--mount"]
        if subprocess.run([*in_namespace, "mount", "-t", "tmpfs", "tmpfs", self.directory], capture_output=True).returncode:
            self.skipTest("needs the right to mount a file system")
        config = self.write("run.yaml", TABLE.replace("linear: 8,", "linear: 300,"))
        self.train(config, runs="whole", train__epochs=6)
        train = " ".join(map(shlex.quote, self.command("train", config, "--runs=disk", "--threads=1", "--set=train.epochs=6")))
        os.mkdir(self.path("disk"))
        full = set()
        for kilobytes in range(20, 112, 8):
            script = f"""
                mount -t tmpfs -o size={kilobytes}k tmpfs disk || exit 3
                {train} >/dev/null 2>messages; [ $? = 1 ] || exit 4
                mount -o remount,size=8M disk || exit 5
                {train} --resume && cp -r disk/run run_{kilobytes}
                """
            subprocess.run([*in_namespace, "sh", "-c", script], cwd=self.directory, check=True, capture_output=True)
            with open(self.path("messages"), encoding="utf-8") as file:
                self.assertRegex(message := file.read(), r"^slipway train: cannot write disk/run/\S+: .*No space left on device")
            full.add(os.path.splitext(message.split(": ")[1])[1])
            self.assert_same_run(self.path(f"run_{kilobytes}"), self.path("whole/run"))
        self.assertGreater(len(full), 1)


class TunedChoicesTest(RunTest):
    """A convolution for which it takes measuring to know the fastest algorithm."""

    def test_are_measured_once_and_kept_with_the_run_and_for_the_machine(self):
        narrow = "  - conv2d: {filters: 16, kernel: 3, padding: 1}\n"
        config = self.write("run.yaml", IMAGES.replace("  - conv2d: {filters: 5, kernel: 3, padding: 1}\n", 2 * narrow))
        self.train(config, runs="first")
        measured = self.choices("first/run/tuner.tsv")
        self.assertEqual({key.split()[0] for key in measured},
                         {"conv2d_forward", "conv2d_backward_data", "conv2d_backward_weights"})
        [cache] = os.listdir(self.path("cache/slipway"))
        self.assertEqual(self.choices("cache/slipway", cache), measured)

        other = {"direct": "winograd", "winograd": "direct"}
        known = {key: other[choice] for key, choice in measured.items()}
        self.write(os.path.join("cache/slipway", cache), "".join(f"{key}\t{choice}\n" for key, choice in known.items()))
        self.train(config, runs="second")
        self.assertEqual(self.choices("second/run/tuner.tsv"), known)
        # A run goes on with its own choices, whatever the machine's are now.
        self.train(config, "--resume", runs="first", train__epochs=4)
        self.assertEqual(self.choices("first/run/tuner.tsv"), measured)

        self.train(config, runs="fixed", deterministic="true")
        self.assertEqual(os.path.exists(self.path("fixed/run/tuner.tsv")) and self.choices("fixed/run/tuner.tsv"), False)

    def choices(self, *path):
        with open(self.path(*path), encoding="utf-8") as file:
            return dict(line.rstrip("\n").split("\t") for line in file if not line.startswith("#"))


if __name__ == "__main__":
    unittest.main()
