#!/usr/bin/env python3
"""Several processes train one model: what they learn, how they start, and how they end."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import unittest

import h5py
import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from runs import IMAGES, TABLE, LaunchTest, parameters, read_checkpoint, read_records

# Adaptive steps would blow up the rounding of a bias in front of a normalisation, whose gradient is 0.
IMAGES = IMAGES.replace("{adamw: {learning_rate: 0.01}}", "{sgd: {learning_rate: 0.05, momentum: 0.9}}")
FOREVER = ["--set=train.epochs=1000000", "--set=train.schedule=constant", "--set=train.checkpoint.every_epochs=1000000"]


class LearningTest(LaunchTest):
    def assert_close(self, one, other):
        """Records and checkpoints of two runs agree to rounding."""
        ours, theirs = read_records(one), read_records(other)
        self.assertEqual(len(ours), len(theirs))
        for a, b in zip(ours, theirs):
            self.assertEqual(a.keys(), b.keys())
            for key, value in a.items():
                if isinstance(value, float):
                    self.assertAlmostEqual(value, b[key], delta=2e-4 * max(1, abs(value)), msg=f"{key} of {a}")
        ours, theirs = (read_checkpoint(os.path.join(run, "checkpoints/last.h5")) for run in (one, other))
        self.assertEqual(ours.keys(), theirs.keys())
        for name, value in ours.items():
            np.testing.assert_allclose(value, theirs[name], atol=1e-3, err_msg=name)

    def test_any_number_of_ranks_learns_the_same(self):
        # The last batch of three samples leaves one of four ranks without any.
        config = self.write("run.yaml", IMAGES)
        self.train(config, runs="alone")
        for ranks in (1, 2, 3, 4):
            output = self.launch(ranks, config, runs=f"ranks{ranks}", train__uneven_batches="true").stdout
            self.assertEqual(output.count("epoch 3/3"), 1, output)
            self.assertEqual(os.listdir(self.path(f"ranks{ranks}")), ["run"])
            self.assert_close(self.path(f"ranks{ranks}/run"), self.path("alone/run"))

    def test_accumulation_clipping_and_average(self):
        config = self.write("run.yaml", IMAGES)
        settings = {"train__accumulate": 4, "train__clip_norm": 0.5, "train__average_decay": 0.9}
        self.train(config, runs="alone", **settings)
        self.launch(2, config, runs="ranks", **settings)
        self.assert_close(self.path("ranks/run"), self.path("alone/run"))

    def test_same_bits_from_run_to_run(self):
        config = self.write("run.yaml", IMAGES)
        for runs in ("one", "two"):
            self.launch(2, config, runs=runs)
        self.assert_same_run(self.path("one/run"), self.path("two/run"))

    def test_same_figures_on_any_number_of_ranks(self):
        # Sums of errors, unlike counts, depend on their order. The last batch leaves some of the eight parts without a sample.
        with h5py.File(self.path("data.h5"), "w") as file:
            for name, features in (("x", 6), ("t", 3)):
                file[name] = np.random.default_rng(features).normal(size=(43, features)).astype(np.float32)
        config = self.write("run.yaml", """
            data: {train: {hdf5: {path: data.h5, inputs: [x], targets: [t]}}, split: 0.25}
            model: [linear: 16, tanh, linear: 3]
            loss: mse
            metrics: [mae, mse]
            deterministic: ranks
            train: {epochs: 3, batch_size: 8, uneven_batches: true, optimizer: {sgd: {learning_rate: 0.1}}}
            """)
        self.train(config, runs="alone")
        for ranks in (2, 4):
            self.launch(ranks, config, runs=f"ranks{ranks}")
            self.assert_same_run(self.path("alone/run"), self.path(f"ranks{ranks}/run"))

    def test_mpirun_starts_the_same(self):
        config = self.write("run.yaml", TABLE)
        self.launch(2, config, runs="launched")
        subprocess.run(["mpirun", "--allow-run-as-root", "--oversubscribe", "-np", "2",
                        *self.command("train", config, "--threads", 1, "--runs=started")], cwd=self.directory, check=True,
                       capture_output=True, timeout=200)
        self.assert_same_run(self.path("launched/run"), self.path("started/run"))

    def test_bench_compares_with_mpi(self):
        done = subprocess.run(["mpirun", "--allow-run-as-root", "--oversubscribe", "-np", "2",
                               *self.command("bench", "all_reduce", "--seconds", "0.01")], check=True, capture_output=True,
                              text=True, timeout=200)
        self.assertEqual(len(re.findall(r"^\| \d+ \| [0-9.]+ \| [0-9.]+ \| [0-9.]+ \([0-9.]+ to [0-9.]+\) \|$", done.stdout,
                                        re.MULTILINE)), 6, done.stdout)
        self.assertIn("expects several processes", self.refused("bench", "all_reduce"))

    def test_profile_tells_of_the_exchange(self):
        config = self.write("run.yaml", IMAGES)
        for settings in ([], ["--set=deterministic=ranks"]):
            done = subprocess.run(["mpirun", "--allow-run-as-root", "--oversubscribe", "-np", "2",
                                   *self.command("profile", config, "--threads", 1, "--steps", 3, *settings)],
                                  cwd=self.directory, check=True, capture_output=True, text=True, timeout=200)
            self.assertRegex(done.stdout,
                             r"\n +\d+\.\d+ +\d+\.\d+%  exchange of gradients, of which \d+% behind the backward pass\n")
            self.assertEqual(done.stdout.count("part of a step"), 1)
            self.assertNotRegex(done.stdout, r" 0\.0%  (forward|backward)\n")

    def test_resumes_on_another_number_of_ranks(self):
        config = self.write("run.yaml", IMAGES)
        settings = {"train__schedule": "constant", "train__uneven_batches": "true"}
        self.train(config, runs="alone", **settings)
        settings["train__shard_optimizer"] = "true"
        self.launch(2, config, train__max_steps=8, **settings)
        output = self.launch(3, config, "--resume", train__max_steps=14, **settings).stdout
        self.assertIn("after step 8.", output)
        self.train(config, "--resume", **settings)
        ours, theirs = (parameters(self.path(runs, "run/checkpoints/last.h5")) for runs in ("runs", "alone"))
        for name, value in ours.items():
            np.testing.assert_allclose(value, theirs[name], atol=1e-3, err_msg=name)


class EndTest(LaunchTest):
    def test_mistakes_are_told_once_and_end_with_status_2(self):
        config = self.write("run.yaml", TABLE)
        for arguments, message in (
            (["--set=train.batch_size=9"], "batch_size 9 does not divide by 2 ranks; the nearest sizes are 8 and 10"),
            (["--set=train.epoch=3"], "unknown key 'epoch', did you mean 'epochs'?"),
            (["--resume"], "nothing to resume")):
            done = self.launch(2, config, *arguments, status=2)
            self.assertEqual(done.stderr.count(message), 1, done.stderr)
        self.assertFalse(os.path.exists(self.path("runs")))
        self.assertIn("expected the command line of `slipway train`", self.refused("launch", "--devices=2"))
        self.slipway("launch", config, status=2)
        self.slipway("launch", "--devices=0", config, status=2)

    def test_a_value_that_is_not_finite(self):
        config = self.write("run.yaml", IMAGES)
        done = self.launch(2, config, status=2, train__optimizer="{sgd: {learning_rate: 1.0e+38}}", train__schedule="constant")
        self.assertEqual(len([line for line in done.stderr.splitlines() if line.startswith("slipway train: step")]), 1)
        self.assertIn("is not finite", done.stderr)
        for name, value in parameters(self.path("runs/run/checkpoints/last.h5")).items():
            self.assertTrue(np.isfinite(value).all(), name)

    def test_what_goes_wrong_on_one_rank_ends_all(self):
        config = self.write("run.yaml", TABLE)
        self.write("file", "not a directory")
        done = self.slipway("launch", "--devices", 2, config, "--runs", "file/runs", status=2)
        self.assertIn("rank 0: cannot make the directory file", done.stderr)

    def start(self, config, *arguments, restarts=0):
        """A run of two ranks that has printed its first epoch."""
        process = subprocess.Popen(
            self.command("launch", "--devices", 2, "--max-restarts", restarts, config, "--threads", 1, *FOREVER, *arguments),
            cwd=self.directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "OF_THIS_TEST": self.directory})
        self.read_until(process, "epoch")
        return process

    def read_until(self, process, text):
        output = ""
        while text not in output:
            line = process.stdout.readline()
            self.assertTrue(line, output)
            output += line
        return output

    def finish(self, process):
        output = process.stdout.read()
        process.stdout.close()
        status = process.wait()
        self.assertEqual(self.processes(), {}, output)
        return status, output

    def with_mpirun(self, script):
        """An environment in which this is mpirun."""
        os.chmod(self.write("bin/mpirun", script), 0o755)
        return {**os.environ, "PATH": self.path("bin") + os.pathsep + os.environ["PATH"]}

    def processes(self):
        """The processes of this test's run by rank."""
        return {int(rank): process for process, rank in self.running().items() if rank is not None}

    def test_a_signal_finishes_the_step_on_all(self):
        config = self.write("run.yaml", TABLE)
        for number in (signal.SIGTERM, signal.SIGINT):
            process = self.start(config, "--runs", number.name)
            process.send_signal(number)
            status, output = self.finish(process)
            self.assertEqual(status, 128 + number, output)
            self.assertRegex(output, r"stopped by SIGUSR1 after step \d+; continue with")
            self.launch(2, config, "--resume", runs=number.name, train__max_steps=1, train__schedule="constant")

    def test_a_killed_rank_ends_all(self):
        process = self.start(self.write("run.yaml", TABLE))
        os.kill(self.processes()[1], signal.SIGKILL)
        status, output = self.finish(process)
        self.assertNotEqual(status, 0)
        self.assertRegex(output, r"process rank 1 .* exited on signal 9")
        self.assertRegex(output, r"slipway launch: the processes ended with status 137\n"
                                 r"(  ranks? (0|1|0 and 1) (computed|waited for others in the exchange of \w[\w ]*), in step \d+\n){1,2}")

    def test_a_run_with_a_killed_rank_goes_on_from_its_checkpoint(self):
        process = self.start(self.write("run.yaml", TABLE), "--set=train.checkpoint.every_steps=1", restarts=2)
        for restart in (1, 2):
            os.kill(self.processes()[1], signal.SIGKILL)
            output = self.read_until(process, "Resumed from")
            self.assertIn(f"restart {restart} of 2 goes on from the last checkpoint", output)
            self.read_until(process, "epoch")
        process.send_signal(signal.SIGTERM)
        status, output = self.finish(process)
        self.assertEqual(status, 128 + signal.SIGTERM, output)
        self.assertRegex(output, r"stopped by SIGUSR1 after step \d+; continue with")

    def test_a_run_that_had_not_begun_begins_again(self):
        config = self.write("run.yaml", TABLE)
        self.train(config, runs="runs", train__epochs=1)  # an earlier run of this name, which stays as it is
        before = read_records(self.path("runs/run"))
        environment = self.with_mpirun(f"""\
            #!/bin/sh
            if mkdir failed; then exit 137; fi
            exec {shutil.which("mpirun")} "$@"
            """)
        done = subprocess.run(self.command("launch", "--devices=2", "--max-restarts=1", config, "--threads=1"),
                              cwd=self.directory, env=environment, check=True, capture_output=True, text=True, timeout=200)
        self.assertIn("restart 1 of 1", done.stderr)
        self.assertIn("finished 15 steps", done.stdout)
        self.assertEqual(read_records(self.path("runs/run")), before)
        self.launch(2, config, runs="undisturbed")
        self.assert_same_run(self.path("runs/run_2"), self.path("undisturbed/run"))

    def test_a_mistake_is_not_tried_again(self):
        config = self.write("run.yaml", TABLE)
        done = self.slipway("launch", "--devices=2", "--max-restarts=3", config, "--set=train.epoch=3", status=2)
        self.assertEqual(done.stderr.count("unknown key 'epoch'"), 1, done.stderr)
        self.slipway("launch", "--devices=2", "--max-restarts=-1", config, status=2)

    def test_a_rank_that_does_not_come_is_not_waited_for(self):
        config = self.write("run.yaml", TABLE)
        alone = " ".join(map(shlex.quote, self.command("train", config, "--threads", 1, "--timeout", 1)))
        done = subprocess.run(["mpirun", "--allow-run-as-root", "--oversubscribe", "-np", "2", "sh", "-c",
                               f'test "$OMPI_COMM_WORLD_RANK" = 1 && exec sleep 1000; exec {alone}'],
                              cwd=self.directory, capture_output=True, text=True, timeout=200)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("slipway: in MPI_Init_thread: waited 1 s for the other ranks\n", done.stderr)
        self.assertFalse(os.path.exists(self.path("runs")))

    def test_a_rank_that_hangs_is_named(self):
        process = self.start(self.write("run.yaml", TABLE), "--timeout", 10)
        os.kill(self.processes()[1], signal.SIGSTOP)
        status, output = self.finish(process)
        self.assertEqual(status, 1, output)
        self.assertRegex(output, r"slipway train: rank 0 of 2: .*in the exchange of \w[\w ]*: waited 10 s for the other ranks; "
                         "no sign of life from rank 1")

    def test_a_process_that_stops_when_the_others_have_left(self):
        config = self.write("run.yaml", TABLE)
        environment = {"OF_THIS_TEST": self.directory, **self.with_mpirun(f"""\
            #!/bin/bash
            for ((at = 1; at <= $#; ++at)); do if [ "${{!at}}" = train ]; then break; fi; done
            exec {shutil.which("mpirun")} "${{@:1:at-2}}" {self.path("rank")} "${{@:at-1}}"
            """)}
        os.chmod(self.write("rank", """\
            #!/bin/sh
            "$@"
            status=$?
            if [ "$OMPI_COMM_WORLD_RANK" = 1 ] && [ ! -e goes ]; then kill -STOP $$; fi
            exit $status
            """), 0o755)
        for restarts, status in ((0, 1), (1, 0)):
            with self.subTest(restarts=restarts):
                process = subprocess.Popen(
                    self.command("launch", "--devices=2", "--max-restarts", restarts, config, "--threads=1", "--timeout=1"),
                    cwd=self.directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                output = self.read_until(process, "slipway launch: not all processes ended when the first had left")
                self.write("goes", "")
                ended, rest = self.finish(process)
                self.assertEqual(ended, status, output + rest)
                self.assertIn("finished 15 steps", output)
                self.assertIn("processes ended with status 1\n  ranks 0 and 1 had left, in step 15\n", rest)
                self.assertEqual("Nothing is left to train" in rest, restarts > 0)
                os.remove(self.path("goes"))


if __name__ == "__main__":
    unittest.main()
