"""Faults at random moments: a run that is disturbed must go on by itself and end as if nothing had happened."""

import os
import random
import re
import subprocess
import sys
import time

from events import Events
from runs import TABLE, LaunchTest, checkpoint_files, read_checkpoint, step_of

# Of each kind, instead of a few; and what they are drawn from: the same seed gives the same moments again.
MOMENTS = int(os.environ.get("FAULT_MOMENTS", "0"))
SEED = int(os.environ.get("FAULT_SEED", "1"))
EPOCHS, STEPS = 8, 40
CHANGES = 250  # in the directory of a run: less than there are
TIMEOUT = 4  # seconds, in which ranks start on a machine that has much else to do
GIVE_UP_AFTER = 100


class FaultTest(LaunchTest):
    ranks = 2

    def setUp(self):
        super().setUp()
        self.config = self.write("run.yaml", TABLE)
        runs = self.path("undisturbed")
        os.mkdir(runs)
        started = time.monotonic()
        with Events(runs) as events:
            process = self.start_run(runs)
            changes = events.wait(sys.maxsize, lambda: process.poll() is not None)
        self.a_step = (time.monotonic() - started) / STEPS
        output, _ = process.communicate(timeout=GIVE_UP_AFTER)
        self.assertEqual(process.returncode, 0, output)
        self.assertIn(f"finished {STEPS} steps", output)
        self.assertGreater(changes, CHANGES)

    def start_run(self, runs):
        """Trains, starts again as often as it takes, and waits for ranks no longer than it must."""
        command = self.command("launch", "--devices", self.ranks, "--max-restarts", 9, self.config, "--threads", 1, "--timeout", TIMEOUT,
                               "--runs", runs, "--set=deterministic=ranks", f"--set=train.epochs={EPOCHS}",
                               "--set=train.checkpoint.every_steps=2", "--set=train.checkpoint.keep=100")
        return self.start(command, cwd=self.directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def start(self, command, **options):
        return subprocess.Popen(command, env={**os.environ, "OF_THIS_TEST": self.directory}, **options)

    def wait_for_ranks(self, process):
        until = time.monotonic() + GIVE_UP_AFTER
        while len(ranks := {int(rank): number for number, rank in self.running().items() if rank is not None}) < self.ranks:
            self.assertIsNone(process.poll())
            self.assertLess(time.monotonic(), until)
            time.sleep(0.01)
        return ranks

    def disturb(self, kind, harm, says, few=2):
        """Does harm to a run at each moment, of which it says something with the number of the rank.

        harm(launcher, rank), both processes, returns what it has read of the launcher's output.
        """
        for number in range(MOMENTS or few):
            draw = random.Random(f"{SEED} {kind} {number}")
            rank, changes, fraction = draw.randrange(self.ranks), draw.randrange(CHANGES), draw.random()
            moment = (f"{kind} {number} of seed {SEED}: rank {rank}, after {changes} changes in the run's directory "
                      f"and {fraction:.2f} of a step")
            print(moment, flush=True)
            with self.subTest(moment):
                output = self.disturb_once(self.path(f"{kind}_{number}"), rank, changes, fraction * self.a_step, harm)
                self.assertRegex(output, says.format(rank=rank))

    def disturb_once(self, runs, rank, changes, seconds, harm):
        os.mkdir(runs)
        with Events(runs) as events:
            process = self.start_run(runs)
            self.wait_for_ranks(process)
            events.wait(changes, lambda: process.poll() is not None)
        time.sleep(seconds)
        run = os.path.join(runs, "run")
        saved = checkpoint_files(run) if os.path.isdir(os.path.join(run, "checkpoints")) else []
        output = harm(process, self.wait_for_ranks(process)[rank])
        rest, _ = process.communicate(timeout=GIVE_UP_AFTER)
        output += rest
        self.assertEqual(process.returncode, 0, output)
        self.assertIn("restart 1 of 9 goes on", output)
        self.assertEqual(self.running(), {}, output)
        self.assertEqual(os.listdir(runs), ["run"], output)
        if saved:
            resumed = [int(step) for step in re.findall(r"Resumed from \S+ after step (\d+)", output)]
            self.assertTrue(resumed and max(resumed) >= step_of(saved[-1]), f"{saved[-1]} was there\n{output}")
        for file in os.listdir(os.path.join(run, "checkpoints")):
            read_checkpoint(os.path.join(run, "checkpoints", file))
        self.assert_same_run(run, self.path("undisturbed/run"))
        return output


def send(number):
    """Harm: a signal to a rank."""
    def harm(_, rank):
        os.kill(rank, number)
        return ""
    return harm
