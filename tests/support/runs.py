"""For tests that run the program: a directory of one's own, configurations in it, and what a run leaves behind."""

import csv
import json
import os
import shutil
import subprocess
import tempfile
import textwrap
import unittest

import h5py
import numpy as np

SOURCES = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
PROGRAM = os.environ["SLIPWAY"]
TIMES = {"seconds", "samples_per_second", "epoch_seconds"}  # what differs between runs that are otherwise equal

# 43 samples in batches of 8 give five full batches and one of three.
IMAGES = """
data:
  train: {random: {shape: [1, 8, 8], classes: 3, samples: 43}}
  validation: {random: {shape: [1, 8, 8], classes: 3, samples: 10, seed: 2}}
  transforms: [random_crop: {size: 8, padding: 1}, horizontal_flip]
  workers: 1
model:
  - conv2d: {filters: 5, kernel: 3, padding: 1}
  - batch_norm
  - relu
  - max_pool: 2
  - flatten
  - dropout: 0.3
  - linear: 3
loss: cross_entropy
metrics: [accuracy]
train: {epochs: 3, batch_size: 8, optimizer: {adamw: {learning_rate: 0.01}}, schedule: cosine}
"""

TABLE = """
data:
  train: {random: {shape: [6], classes: 3, samples: 40}}
  validation: {random: {shape: [6], classes: 3, samples: 10, seed: 2}}
model: [linear: 8, relu, linear: 3]
loss: cross_entropy
metrics: [accuracy]
train: {epochs: 3, batch_size: 8, optimizer: {sgd: {learning_rate: 0.1}}}
"""


def has_cuda():
    """Whether the program can use a GPU, real or simulated."""
    listed = subprocess.run([PROGRAM, "devices"], capture_output=True, text=True, check=True).stdout
    return any(line.startswith("cuda:0 ") and line.endswith(" usable") for line in listed.splitlines())


def has_mpi():
    """Whether the program can train by several processes."""
    return "MPI:      not in this build" not in subprocess.run([PROGRAM, "version"], capture_output=True, text=True).stdout


class RunTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="slipway_")
        self.addCleanup(shutil.rmtree, self.directory)
        os.environ["XDG_CACHE_HOME"] = self.path("cache")  # of the programs that the test runs

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def write(self, name, contents):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb" if isinstance(contents, bytes) else "w") as file:
            file.write(contents if isinstance(contents, bytes) else textwrap.dedent(contents).lstrip("\n"))
        return self.path(name)

    def command(self, *arguments):
        return [PROGRAM, *map(str, arguments)]

    def slipway(self, *arguments, status=0):
        """Runs the program in the test's directory; any other exit status than `status` fails the test."""
        done = subprocess.run(self.command(*arguments), cwd=self.directory, capture_output=True, text=True, timeout=200)
        self.assertEqual(done.returncode, status, f"{arguments}\n{done.stdout}{done.stderr}")
        return done

    def train(self, config, *arguments, runs="runs", status=0, **settings):
        """Trains; settings are `--set` assignments with `__` for the dot."""
        assignments = [f"--set={key.replace('__', '.')}={value}" for key, value in settings.items()]
        return self.slipway("train", config, "--runs", runs, *threads(arguments), *arguments, *assignments, status=status)

    def refused(self, *arguments):
        """The message of a mistake of the user's: exit status 2, and nothing on the standard output."""
        done = self.slipway(*arguments, status=2)
        self.assertEqual(done.stdout, "")
        return done.stderr

    def assert_same_run(self, one, other):
        """All files that tell of a run agree, except in times."""
        self.assertEqual(read_records(one), read_records(other))
        self.assertEqual(read_table(one), read_table(other))
        self.assert_same_checkpoint(os.path.join(one, "checkpoints/last.h5"), os.path.join(other, "checkpoints/last.h5"))

    def assert_same_checkpoint(self, one, other):
        ours, theirs = read_checkpoint(one), read_checkpoint(other)
        self.assertEqual(ours.keys(), theirs.keys())
        for name, value in ours.items():
            np.testing.assert_array_equal(value, theirs[name], err_msg=name)


@unittest.skipUnless(has_mpi(), "this build has no MPI")
class LaunchTest(RunTest):
    def launch(self, ranks, config, *arguments, runs="runs", status=0, **settings):
        """As train(), by so many processes of one thread each."""
        assignments = [f"--set={key.replace('__', '.')}={value}" for key, value in settings.items()]
        return self.slipway("launch", "--devices", ranks, config, "--runs", runs, "--threads", 1, *arguments, *assignments,
                            status=status)

    def running(self):
        """The processes that OF_THIS_TEST in their environment marks as this test's, with the rank of those that are one."""
        found = {}
        for process in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{process}/environ", encoding="utf-8", errors="replace") as file:
                    variables = dict(entry.split("=", 1) for entry in file.read().split("\0") if "=" in entry)
            except OSError:
                continue
            if variables.get("OF_THIS_TEST") == self.directory:
                found[int(process)] = variables.get("OMPI_COMM_WORLD_RANK")
        return found


def threads(arguments):
    return [] if "--threads" in arguments else ["--threads", 1]


def read_checkpoint(path):
    """Every tensor and every number of a checkpoint by its path, without times."""
    values = {}
    with h5py.File(path) as file:
        for group in ("parameters", "state", "optimizer"):
            values.update({f"{group}/{name}": dataset[...] for name, dataset in file[group].items()})
        for group in ("progress", "progress/counters", "progress/numbers"):
            values.update({f"{group}/{name}": value for name, value in file[group].attrs.items() if name not in TIMES})
    return values


def parameters(path):
    return {name: value for name, value in read_checkpoint(path).items() if name.startswith("parameters/")}


def read_records(run):
    with open(os.path.join(run, "metrics.jsonl"), encoding="utf-8") as file:
        return [{key: value for key, value in json.loads(line).items() if key not in TIMES} for line in file]


def read_table(run):
    with open(os.path.join(run, "metrics.csv"), encoding="utf-8", newline="") as file:
        return [{key: value for key, value in row.items() if key not in TIMES} for row in csv.DictReader(file)]


def checkpoint_files(run):
    return sorted(name for name in os.listdir(os.path.join(run, "checkpoints"))
                  if name.startswith("step_") and name.endswith(".h5"))  # not what is being written


def step_of(file):
    return int(file[len("step_"):-len(".h5")])
