#!/usr/bin/env python3
"""A run that was stopped, by whatever and wherever, goes on as if it had not been."""

import os
import random
import shutil
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from events import Events
from runs import IMAGES, TABLE, RunTest, checkpoint_files, read_checkpoint, read_records, read_table, step_of

STEPS = 18  # of IMAGES: three epochs of six


class ResumeTest(RunTest):
    def check_resume(self, config, *arguments, last_step=STEPS, stops=(2, 6, 13), **settings):
        """Goes on from checkpoints within an epoch and at its end, and compares with the run that made them."""
        settings = {"train__checkpoint__every_steps": 1, "train__checkpoint__keep": 100, **settings}
        self.train(config, *arguments, runs="whole", **settings)
        whole = self.path("whole/run")
        for stop in stops:
            shutil.rmtree(self.path("runs"), ignore_errors=True)
            shutil.copytree(self.path("whole"), self.path("runs"), symlinks=True)
            for file in checkpoint_files(whole):
                if step_of(file) > stop:
                    os.remove(self.path("runs/run/checkpoints", file))
            output = self.train(config, "--resume", *arguments, **settings).stdout
            self.assertIn(f"after step {stop}.", output)
            self.assertEqual(checkpoint_files(self.path("runs/run"))[-1], f"step_{last_step:09d}.h5")
            self.assert_same_run(self.path("runs/run"), whole)

    def test_images_with_dropout_augmentation_and_batch_norm(self):
        self.check_resume(self.write("run.yaml", IMAGES))

    def test_two_threads(self):
        self.check_resume(self.write("run.yaml", IMAGES), "--threads", 2)

    def test_workers_do_not_matter(self):
        config = self.write("run.yaml", IMAGES)
        for workers in (0, 1, 3):
            self.check_resume(config, stops=(4,), data__workers=workers)
            shutil.move(self.path("whole"), self.path(f"workers{workers}"))
        self.assert_same_run(self.path("workers0/run"), self.path("workers3/run"))

    def test_accumulation_average_clipping(self):
        # Six batches an epoch make two steps, of four batches and of two.
        self.check_resume(self.write("run.yaml", IMAGES), last_step=6, stops=(1, 2, 3), train__accumulate=4,
                          train__average_decay=0.9, train__clip_norm=0.5)

    def test_momentum_and_dropped_batches(self):
        self.check_resume(self.write("run.yaml", IMAGES), last_step=15, train__drop_last="true",
                          train__optimizer="{sgd: {learning_rate: 0.05, momentum: 0.9}}")

    def test_more_steps_go_on_within_an_epoch(self):
        config = self.write("run.yaml", IMAGES)
        constant = {"train__schedule": "constant"}
        self.train(config, runs="whole", **constant)
        self.train(config, train__max_steps=8, **constant)
        self.assertEqual(read_records(self.path("runs/run"))[-1]["step"], 8)
        self.train(config, "--resume", train__max_steps=18, **constant)
        whole, resumed = (read_checkpoint(self.path(runs, "run/checkpoints/last.h5")) for runs in ("whole", "runs"))
        for name in whole:
            if not name.startswith("progress"):
                self.assertTrue((whole[name] == resumed[name]).all(), name)

    def test_a_finished_run_has_nothing_left(self):
        config = self.write("run.yaml", TABLE)
        self.train(config)
        before = read_table(self.path("runs/run"))
        self.assertIn("Nothing is left to train", self.train(config, "--resume").stdout)
        self.assertEqual(read_table(self.path("runs/run")), before)
        self.train(config, "--resume", train__epochs=4)
        self.assertEqual(len(read_table(self.path("runs/run"))), 4)

    def test_what_cannot_be_resumed(self):
        config = self.write("run.yaml", TABLE)
        self.assertIn("nothing to resume", self.refused("train", config, "--resume"))
        self.train(config, train__epochs=1)
        self.assertIn("'linear_1.bias' has shape [8], the configuration's model expects [9]",
                      self.refused("train", config, "--resume", "--set=model.0.linear=9"))
        self.assertIn("trained with seed 1, the configuration has seed 2",
                      self.refused("train", config, "--resume", "--set=seed=2"))

    def test_a_damaged_checkpoint_is_passed_over(self):
        config = self.write("run.yaml", TABLE)
        self.train(config, runs="whole")
        self.train(config, train__epochs=2)
        newest = self.path("runs/run/checkpoints", checkpoint_files(self.path("runs/run"))[-1])
        with open(newest, "r+b") as file:
            file.seek(5000)
            file.write(b"damage")
        done = self.train(config, "--resume")
        self.assertIn("damaged", done.stderr)
        self.assertIn("after step 5.", done.stdout)
        self.assert_same_run(self.path("runs/run"), self.path("whole/run"))

    def test_same_bits_from_run_to_run(self):
        config = self.write("run.yaml", IMAGES)
        for threads in (1, 2):
            self.train(config, "--threads", threads, runs=f"one{threads}")
            self.train(config, "--threads", threads, runs=f"two{threads}")
            self.assert_same_run(self.path(f"one{threads}/run"), self.path(f"two{threads}/run"))

    def test_deterministic_means_the_same_bits_for_every_thread_count(self):
        config = self.write("run.yaml", IMAGES.replace("filters: 5", "filters: 32"))
        for threads in (1, 2, 3):
            self.train(config, "--threads", threads, runs=f"threads{threads}", deterministic="true", train__epochs=1)
        for threads in (2, 3):
            self.assert_same_run(self.path("threads1/run"), self.path(f"threads{threads}/run"))


class KillTest(RunTest):
    def test_killed_twenty_times_at_random_moments(self):
        config = self.write("run.yaml", IMAGES)
        settings = [f"--set={setting}" for setting in ("train.epochs=12", "train.checkpoint.every_steps=3", "data.workers=0",
                                                       "train.average_decay=0.9")]
        self.train(config, *settings, runs="whole")
        os.mkdir(self.path("runs"))
        moments, killed, resume = random.Random(1), 0, []
        while killed < 20:
            with open(self.path("output"), "w", encoding="utf-8") as output, Events(self.path("runs")) as events:
                process = subprocess.Popen(
                    self.command("train", config, "--threads", 1, *settings, *resume), cwd=self.directory, stdout=output,
                    stderr=output)
                events.wait(moments.randint(1, 60))
            process.kill()
            status = process.wait()
            if status == 0:  # it came to its end: another run is killed
                self.assert_same_run(self.path("runs/run"), self.path("whole/run"))
                shutil.rmtree(self.path("runs/run"))
                resume = []
                continue
            with open(self.path("output"), encoding="utf-8") as output:
                self.assertEqual(status, -signal.SIGKILL, output.read())
            killed += 1
            resume = ["--resume"]
        self.train(config, *settings, *resume)
        self.assert_same_run(self.path("runs/run"), self.path("whole/run"))
        self.assertEqual([name for name in os.listdir(self.path("runs/run/checkpoints")) if name.endswith(".tmp")], [])


class SignalTest(RunTest):
    def stop(self, number, *arguments):
        """Sends a signal once the first epoch's line is there, and returns the exit status and the output."""
        process = subprocess.Popen(self.command("train", *arguments), cwd=self.directory, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True)
        output = ""
        while "epoch" not in output:
            line = process.stdout.readline()
            self.assertTrue(line, output)
            output += line
        process.send_signal(number)
        output += process.stdout.read()
        process.stdout.close()
        return process.wait(), output

    def test_finishes_the_step_saves_and_says_how_to_go_on(self):
        config = self.write("a run.yaml", IMAGES)
        many = "--set=train.epochs=2000"
        for number, name in ((signal.SIGINT, "SIGINT"), (signal.SIGTERM, "SIGTERM"), (signal.SIGUSR1, "SIGUSR1")):
            shutil.rmtree(self.path("here"), ignore_errors=True)
            status, output = self.stop(number, "a run.yaml", "--runs", "here", "--threads", 1, many)
            self.assertEqual(status, 128 + number, output)
            step = read_checkpoint(self.path("here/a run/checkpoints/last.h5"))["progress/step"]
            self.assertIn(f"stopped by {name} after step {step}; continue with "
                          f"`slipway train 'a run.yaml' --set train.epochs=2000 --runs here", output)
            self.assertEqual(read_records(self.path("here/a run"))[-1]["step"], step)
        epochs = step // 6 + 2
        constant = f"--set=train.schedule=constant"
        self.train(config, constant, runs="whole", train__epochs=epochs)
        shutil.rmtree(self.path("here"))
        status, _ = self.stop(signal.SIGTERM, "a run.yaml", "--runs", "here", "--threads", 1, many, constant)
        self.assertEqual(status, 128 + signal.SIGTERM)
        step = read_checkpoint(self.path("here/a run/checkpoints/last.h5"))["progress/step"]
        self.train(config, constant, runs="whole2", train__epochs=step // 6 + 1)
        self.train(config, constant, "--resume", runs="here", train__epochs=step // 6 + 1)
        self.assert_same_run(self.path("here/a run"), self.path("whole2/a run"))

    def test_a_run_that_is_being_trained_is_not_trained_twice(self):
        self.write("run.yaml", IMAGES)
        process = subprocess.Popen(self.command("train", "run.yaml", "--set=train.epochs=100000"), cwd=self.directory,
                                   stdout=subprocess.PIPE, text=True)
        process.stdout.readline()
        message = self.refused("train", "run.yaml", "--resume")
        process.kill()
        process.stdout.close()
        process.wait()
        self.assertIn(f"runs/run is being trained by process {process.pid}", message)


if __name__ == "__main__":
    unittest.main()
