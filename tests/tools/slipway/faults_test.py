#!/usr/bin/env python3
"""Ranks are killed, or stop, at random moments."""

import os
import signal
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from faults import FaultTest, send


class SignalledRankTest(FaultTest):
    def test_killed(self):
        self.disturb("SIGKILL", send(signal.SIGKILL), "process rank {rank} with PID .* exited on signal 9")

    def test_stopped(self):
        self.disturb("SIGSTOP", send(signal.SIGSTOP),
                     "no sign of life from rank {rank}\n|in MPI_(Init_thread|Finalize): waited 4 s for the other ranks\n|"
                     "not all processes ended when the first had left\n")


if __name__ == "__main__":
    unittest.main()
