#!/usr/bin/env python3
"""tools/verify_gpu.sh, on a simulated GPU."""

import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from runs import PROGRAM, SOURCES, RunTest

SCRIPT = os.path.join(SOURCES, "tools/verify_gpu.sh")
BUILD = os.path.dirname(PROGRAM)


def verify(*arguments, path=None):
    environment = {**os.environ, **({"PATH": path} if path else {})}
    return subprocess.run(["/bin/bash", SCRIPT, *arguments], capture_output=True, text=True, env=environment)


class VerifyGpuTest(RunTest):
    def test_a_simulated_gpu(self):
        if "simulated" not in self.slipway("version").stdout:
            self.skipTest("this build is for real GPUs")
        ended = verify("--simulated", "--build", BUILD, "--seconds", "0.1", "--only", "accumulate|CudaKernels")
        output = ended.stdout + ended.stderr
        self.assertEqual(ended.returncode, 0, output)
        summary = output[output.index("\nSummary"):].splitlines()
        steps = [line.split()[0] for line in summary if line.startswith("  ")]
        self.assertEqual(steps, ["ok"] * 5, output)
        self.assertIn("The GPU was simulated: nothing here speaks of speed.", summary)
        rates = [line.split()[-1] for line in summary if "rates of kernels" in line]
        with open(os.path.join(SOURCES, rates[0]), encoding="utf-8") as log:
            self.assertIn("| accumulate: float32 |", log.read())

    def test_what_is_missing(self):
        tools = self.write("tools/placeholder", "")
        ended = verify(path=os.path.dirname(tools) + ":/usr/bin:/bin")
        if not os.path.exists("/usr/bin/nvidia-smi"):
            self.assertEqual(ended.returncode, 2)
            self.assertIn("nvidia-smi is not there", ended.stderr)
        nvidia_smi = self.write("tools/nvidia-smi", "#!/bin/sh\necho 'No devices were found'\nexit 6\n")
        os.chmod(nvidia_smi, 0o755)
        ended = verify(path=os.path.dirname(tools) + ":/usr/bin:/bin")
        self.assertEqual(ended.returncode, 2)
        self.assertIn("nvidia-smi lists no GPU: No devices were found", ended.stderr)

    def test_mistakes(self):
        self.assertEqual(verify("--nonsense").returncode, 2)
        ended = verify("--simulated", "--build", "nowhere")
        self.assertEqual(ended.returncode, 2)
        self.assertIn("nowhere has no program slipway", ended.stderr)

    def test_a_failure_is_told(self):
        if "simulated" not in self.slipway("version").stdout:
            self.skipTest("this build is for real GPUs")
        ended = verify("--simulated", "--build", BUILD, "--device", "cuda:77")
        self.assertEqual(ended.returncode, 1)
        self.assertIn("cuda:77 can't be used", ended.stdout)


if __name__ == "__main__":
    unittest.main()
