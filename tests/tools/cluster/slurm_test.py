#!/usr/bin/env python3
"""A Slurm of one node, started and stopped here, runs several ranks and the batch script for clusters."""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from runs import IMAGES, PROGRAM, SOURCES, TABLE, RunTest

HAS_SLURM = all(map(shutil.which, ("slurmctld", "slurmd", "sbatch", "srun")))
BATCH_SCRIPT = os.path.join(SOURCES, "tools/cluster/train.sbatch")
GIVE_UP_AFTER = 100  # seconds

CONFIG = """
ClusterName=slipway
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerType=sched/builtin
SlurmdParameters=config_overrides
StateSaveLocation={directory}/state
SlurmdSpoolDir={directory}/spool
SlurmctldPidFile={directory}/slurmctld.pid
SlurmdPidFile={directory}/slurmd.pid
SlurmctldPort={controller_port}
SlurmdPort={node_port}
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def wait_for(path, text):
    """The file once it holds the text, which another process writes."""
    follower = subprocess.Popen(["timeout", str(GIVE_UP_AFTER), "tail", "-q", "-n", "+1", "-F", path],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        seen = ""
        for line in follower.stdout:
            seen += line
            if text in line:
                return seen
        raise AssertionError(f"'{text}' does not come in {path}:\n{seen}")
    finally:
        follower.kill()
        follower.wait()
        follower.stdout.close()


@unittest.skipUnless(HAS_SLURM, "Slurm is not installed")
class SlurmTest(RunTest):
    @classmethod
    def setUpClass(cls):
        cls.slurm = tempfile.mkdtemp(prefix="slurm_")
        cls.addClassCleanup(shutil.rmtree, cls.slurm)
        for name in ("state", "spool"):
            os.mkdir(os.path.join(cls.slurm, name))
        config = os.path.join(cls.slurm, "slurm.conf")
        controller_port, node_port = free_ports(2)
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(host=socket.gethostname().split(".")[0], user=getpass.getuser(), directory=cls.slurm,
                                     controller_port=controller_port, node_port=node_port))
        os.environ["SLURM_CONF"] = config
        for daemon, ready in (("slurmctld", "Running as primary controller"), ("slurmd", "slurmd started on")):
            log = os.path.join(cls.slurm, daemon + ".log")
            with open(log, "w", encoding="utf-8") as file:
                process = subprocess.Popen([daemon, "-D"], stdout=file, stderr=file)
            cls.addClassCleanup(process.wait)
            cls.addClassCleanup(process.terminate)
            wait_for(log, ready)

    def run_slurm(self, *command):
        done = subprocess.run(command, cwd=self.directory, capture_output=True, text=True, timeout=GIVE_UP_AFTER)
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}{done.stderr}")
        return done.stdout

    def test_srun_trains_as_launch_does(self):
        config = self.write("run.yaml", IMAGES)
        self.slipway("launch", "--devices", 2, config, "--runs", "launched", "--threads", 1)
        output = self.run_slurm("srun", "--ntasks=2", "--mpi=pmix", *self.command("train", config, "--threads", 1, "--runs=slurm"))
        self.assertEqual(output.count("epoch 3/3"), 1, output)
        self.assert_same_run(self.path("launched/run"), self.path("slurm/run"))

    def test_a_job_that_is_warned_saves_and_is_queued_again(self):
        config = self.write("run.yaml", TABLE)
        forever = ["--set=train.epochs=1000000", "--set=train.schedule=constant", "--set=train.checkpoint.every_epochs=1000000"]
        job = self.run_slurm("sbatch", "--parsable", "--output=job.log", BATCH_SCRIPT, config, *forever).strip()
        log = self.path("job.log")
        wait_for(log, "epoch")
        self.run_slurm("scancel", "--signal=USR1", job)  # as Slurm does before the time is over
        self.assertRegex(wait_for(log, f"queueing job {job} again"), r"stopped by SIGUSR1 after step \d+; continue with")
        self.wait_until(job, "PENDING")
        self.run_slurm("scontrol", "update", f"JobId={job}", "StartTime=now")  # Slurm waits two minutes
        self.assertIn("after step", wait_for(log, "Resumed from").splitlines()[-1])
        self.run_slurm("scancel", job)
        self.wait_until(job, "CANCELLED")

    def test_a_job_that_failed_before_its_run_began_begins_it(self):
        config = self.write("run.yaml", TABLE)
        self.train(config, train__epochs=1)  # an earlier run of this name
        os.chmod(self.write("slipway", f"""\
            #!/bin/sh
            if mkdir failed; then exit {128 + signal.SIGUSR1}; fi
            exec {PROGRAM} "$@"
            """), 0o755)
        job = self.run_slurm("sbatch", "--parsable", "--output=job.log", f"--export=ALL,SLIPWAY={self.path('slipway')}",
                             "--ntasks=1", BATCH_SCRIPT, config).strip()
        wait_for(self.path("job.log"), f"queueing job {job} again")
        self.wait_until(job, "PENDING")
        self.run_slurm("scontrol", "update", f"JobId={job}", "StartTime=now")
        self.assertIn("finished 15 steps", wait_for(self.path("job.log"), "see runs/run_2/report.html"))
        self.wait_until(job, "COMPLETED")

    def wait_until(self, job, state):
        """Until the job's state is this one and the node has forgotten the steps before it: Slurm takes a job for ended when its
        processes are gone, but a step that starts before the last one's directory is removed fails."""
        until = time.monotonic() + GIVE_UP_AFTER
        while (f"JobState={state} " not in (shown := self.run_slurm("scontrol", "show", "job", job))
               or any(name.startswith(f"pmix.{job}.") for name in os.listdir(os.path.join(self.slurm, "spool")))):
            self.assertLess(time.monotonic(), until, shown)


if __name__ == "__main__":
    unittest.main()
