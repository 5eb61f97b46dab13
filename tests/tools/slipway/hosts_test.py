#!/usr/bin/env python3
"""Ranks on several hosts, with links that are slow or cut. CMake leaves it out where it can't make hosts."""

import os
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import hosts
from faults import GIVE_UP_AFTER, TIMEOUT, FaultTest
from runs import IMAGES, LaunchTest

hosts.isolate()
HOSTS = hosts.Hosts(4)
RANKS = len(HOSTS.names)


class SlowLinkTest(LaunchTest):
    def test_learns_the_same(self):
        config = self.write("run.yaml", IMAGES)
        settings = ["--set=train.uneven_batches=true", "--set=deterministic=ranks"]
        self.launch(RANKS, config, *settings, runs="close")
        HOSTS.slow("host3", "2mbit")
        self.addCleanup(HOSTS.release, "host3")
        done = HOSTS.start(self.command("launch", "--devices", RANKS, config, "--threads", 1, "--runs", "far", *settings),
                           cwd=self.directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        output, _ = done.communicate(timeout=GIVE_UP_AFTER)
        self.assertEqual(done.returncode, 0, output)
        self.assert_same_run(self.path("close/run"), self.path("far/run"))


class CutLinkTest(FaultTest):
    ranks = RANKS

    def setUp(self):
        super().setUp()
        # Open MPI's daemon on a host that is cut off stays until TCP loses patience: in seconds, not a quarter of an hour.
        HOSTS.send_again(3)
        self.addCleanup(HOSTS.send_again, 15)

    def start(self, command, **options):
        return HOSTS.start(command, environment={"OF_THIS_TEST": self.directory}, **options)

    def cut(self, process, rank):
        """Cuts the link of a rank's host until the launcher starts again."""
        with open(f"/proc/{rank}/environ", encoding="utf-8") as file:
            name = next(entry for entry in file.read().split("\0") if entry.startswith("HOST_OF_THIS_TEST=")).split("=")[1]
        HOSTS.cut(name)
        output = ""
        while "restart 1 of" not in output:
            line = process.stdout.readline()
            self.assertTrue(line, output)
            output += line
        HOSTS.mend(name)
        return output

    def test_goes_on_once_the_link_is_mended(self):
        self.disturb("cut", self.cut, "no sign of life from rank |in MPI_(Init_thread|Finalize): waited", few=1)

    def test_nothing_is_left_on_either_side(self):
        config = self.write("forever.yaml", IMAGES)
        patience = 2 * TIMEOUT  # nobody starts it again if ranks come late
        for name in ("host1", "host3"):
            process = self.start(
                self.command("launch", "--devices", RANKS, config, "--threads", 1, "--timeout", patience, "--runs", name,
                             "--set=train.uneven_batches=true", "--set=train.epochs=1000000", "--set=train.schedule=constant"),
                cwd=self.directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            while "epoch" not in (line := process.stdout.readline()):
                self.assertTrue(line)
            HOSTS.cut(name)
            self.addCleanup(HOSTS.mend, name)
            output, _ = process.communicate(timeout=GIVE_UP_AFTER)
            self.assertNotEqual(process.returncode, 0, output)
            silent = {"host1": "1, 2, 3", "host3": "2"}[name]
            self.assertRegex(output, r"slipway train: rank \d of 4: step \d+: .*in the exchange of \w[\w ]*: "
                                     f"waited {patience} s for the other ranks; no sign of life from rank {silent}\n")
            self.assert_nothing_left(output)
            HOSTS.mend(name)

    def assert_nothing_left(self, output):
        until = time.monotonic() + GIVE_UP_AFTER
        while hosts.processes():
            self.assertLess(time.monotonic(), until, f"{hosts.processes()}\n{output}")
            time.sleep(0.05)

    def test_an_mpirun_that_asks_notices_by_itself(self):
        HOSTS.send_again(15)
        config = self.write("forever.yaml", IMAGES)
        asks = [word for name, value in (("time", 2), ("intvl", 1), ("probes", 2))
                for word in ("--mca", f"oob_tcp_keepalive_{name}", str(value))]
        process = self.start(
            ["mpirun", "--allow-run-as-root", "-np", str(RANKS), *asks,
             *self.command("train", config, "--threads", 1, "--set=train.uneven_batches=true",
                           "--set=train.epochs=1000000", "--set=train.schedule=constant")],
            cwd=self.directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        while "epoch" not in (line := process.stdout.readline()):
            self.assertTrue(line)
        HOSTS.cut("host3")
        self.addCleanup(HOSTS.mend, "host3")
        output, _ = process.communicate(timeout=GIVE_UP_AFTER)
        self.assertNotEqual(process.returncode, 0, output)
        self.assertRegex(output, r"lost communication with a remote daemon(.|\n)* on node host3")
        self.assert_nothing_left(output)


if __name__ == "__main__":
    unittest.main()
