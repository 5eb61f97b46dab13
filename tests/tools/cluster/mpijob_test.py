#!/usr/bin/env python3
"""The template for Kubernetes: its launcher's script, run here on local processes."""

import os
import signal
import subprocess
import sys
import unittest

import yaml

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from runs import PROGRAM, SOURCES, TABLE, RunTest, has_mpi



@unittest.skipUnless(has_mpi(), "this build has no MPI")
class MpiJobTest(RunTest):
    def setUp(self):
        super().setUp()
        with open(os.path.join(SOURCES, "tools/cluster/mpijob.yaml"), encoding="utf-8") as file:
            self.job = yaml.safe_load(file)
        launcher = self.job["spec"]["mpiReplicaSpecs"]["Launcher"]["template"]["spec"]["containers"][0]
        self.script = [*launcher["command"], launcher["args"][0].replace("CONFIG", "run").replace("NAME", "run")]
        self.environment = {**os.environ, **{variable["name"]: variable["value"] for variable in launcher["env"]},
                            "PATH": os.path.dirname(PROGRAM) + os.pathsep + os.environ["PATH"],
                            "OMPI_MCA_rmaps_base_oversubscribe": "1"}

    def start(self):
        return subprocess.Popen(self.script, cwd=self.directory, env=self.environment, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)

    def test_as_many_ranks_as_workers_have_slots(self):
        workers = self.job["spec"]["mpiReplicaSpecs"]["Worker"]["replicas"]
        self.assertEqual(self.job["spec"]["slotsPerWorker"] * workers, int(self.environment["RANKS"]))

    def test_a_signal_saves_and_the_next_launcher_goes_on(self):
        endless = TABLE.replace("epochs: 3", "epochs: 1000000")
        self.assertNotEqual(endless, TABLE)
        self.write("run.yaml", endless)
        for begins in ("2 ranks", "Resumed from runs/run/checkpoints/"):
            process = self.start()
            output = ""
            while "epoch " not in output:
                line = process.stdout.readline()
                self.assertTrue(line, output)
                output += line
            process.send_signal(signal.SIGTERM)
            output += process.stdout.read()
            process.stdout.close()
            self.assertEqual(process.wait(), 128 + signal.SIGUSR1, output)
            self.assertIn(begins, output)
            self.assertRegex(output, r"stopped by SIGUSR1 after step \d+")


if __name__ == "__main__":
    unittest.main()
