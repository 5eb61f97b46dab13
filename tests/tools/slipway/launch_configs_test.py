#!/usr/bin/env python3
"""The configurations of the project, trained by several processes: they learn what one process learns."""

import os
import sys
import unittest

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from reduced_configs import CALMER, CONFIGS, reduced
from runs import LaunchTest, read_checkpoint, read_records

STEPS = 10


class LaunchConfigsTest(LaunchTest):
    def losses(self, run):
        return [record["loss"] for record in read_records(self.path(run)) if record["kind"] == "step"]

    def test_any_number_of_ranks_follows_one_process(self):
        for name, path in CONFIGS.items():
            config = self.write(name + ".yaml", reduced(path, self.directory, max_steps=STEPS, batch_size=8))
            settings = CALMER.get(name, {}) | {"train__uneven_batches": "true"}
            self.train(config, runs="alone", **settings)
            for ranks in (2, 3, 4, 8):
                for divided in ("false", "true"):
                    with self.subTest(f"{name} on {ranks} ranks", divided=divided):
                        runs = f"ranks{ranks}_{divided}"
                        self.launch(ranks, config, runs=runs, train__shard_optimizer=divided, **settings)
                        np.testing.assert_allclose(self.losses(f"{runs}/{name}"), self.losses(f"alone/{name}"), rtol=1e-5)

    def test_accumulated_batches_follow_one_process(self):
        for name, path in CONFIGS.items():
            config = self.write(name + ".yaml", reduced(path, self.directory, max_steps=STEPS, batch_size=4))
            settings = CALMER.get(name, {}) | {"train__accumulate": 2}
            self.train(config, runs="alone", **settings)
            for divided in ("false", "true"):
                with self.subTest(name, divided=divided):
                    self.launch(2, config, runs=divided, train__shard_optimizer=divided, **settings)
                    np.testing.assert_allclose(self.losses(f"{divided}/{name}"), self.losses(f"alone/{name}"), rtol=1e-5)

    def assert_same_bits(self, config, name, divided):
        settings = {"deterministic": "ranks", "train__virtual_shards": 4, "train__shard_optimizer": divided}
        run = {ranks: f"{ranks}_{divided}" for ranks in (1, 2, 4)}
        self.train(config, runs=run[1], **settings)
        alone = read_checkpoint(self.path(f"{run[1]}/{name}/checkpoints/last.h5"))
        for ranks in (2, 4):
            self.launch(ranks, config, runs=run[ranks], **settings)
            other = read_checkpoint(self.path(f"{run[ranks]}/{name}/checkpoints/last.h5"))
            self.assertEqual(alone.keys(), other.keys())
            for entry, value in alone.items():
                if not entry.startswith("progress"):
                    np.testing.assert_array_equal(value, other[entry], err_msg=f"{entry} on {ranks} ranks")

    def test_deterministic_ranks_compute_the_same_bits(self):
        for name, path in CONFIGS.items():
            with self.subTest(name):
                config = self.write(name + ".yaml", reduced(path, self.directory, max_steps=STEPS, batch_size=8))
                for divided in ("false", "true"):
                    self.assert_same_bits(config, name, divided)

    def test_a_hundred_deterministic_steps(self):
        for name in ("iris_mlp", "mnist_cnn"):
            with self.subTest(name):
                config = self.write(name + ".yaml", reduced(CONFIGS[name], self.directory, max_steps=100, epochs=25, batch_size=8))
                self.assert_same_bits(config, name, "false")

    def test_ranks_that_do_not_divide_the_shards_are_a_mistake(self):
        config = self.write("run.yaml", reduced(CONFIGS["iris_mlp"], self.directory, batch_size=6))
        for settings, message in (
            ({"deterministic": "ranks"}, "3 ranks do not divide virtual_shards 8, as `deterministic: ranks` expects"),
            ({"train__virtual_shards": 6}, "virtual_shards is 6, expected a power of two"),
            ({"deterministic": "ranks", "train__wire": "bfloat16"}, "expected float32 with `deterministic: ranks`")):
            done = self.launch(3, config, status=2, **settings)
            self.assertEqual(done.stderr.count(message), 1, done.stderr)


if __name__ == "__main__":
    unittest.main()
