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
        self.disturb("SIGKILL", send(signal.SIGKILL))

    def test_stopped(self):
        self.disturb("SIGSTOP", send(signal.SIGSTOP))


if __name__ == "__main__":
    unittest.main()
