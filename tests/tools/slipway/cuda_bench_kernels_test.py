#!/usr/bin/env python3
"""`slipway bench kernels` in builds that have kernels for GPUs."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from runs import RunTest, has_cuda


class BenchKernelsTest(RunTest):
    def test_mistakes(self):
        if not has_cuda():
            self.skipTest("there is no GPU")
        self.assertIn("expects a GPU, got --device cpu", self.refused("bench", "kernels", "--device", "cpu"))
        self.assertIn("--only '(' is no regular expression", self.refused("bench", "kernels", "--only", "("))
        self.assertIn("no kernel's name matches 'softmacs'", self.refused("bench", "kernels", "--only", "softmacs"))
        self.assertIn("can't read 'nowhere.log'", self.refused("bench", "kernels", "--ptxas", "nowhere.log"))
        self.assertIn("found no kernel", self.refused("bench", "kernels", "--ptxas", self.write("empty.log", "")))

    def test_a_table(self):
        if not has_cuda():
            self.skipTest("there is no GPU")
        lines = self.slipway("bench", "kernels", "--only", "^accumulate$").stdout.splitlines()
        table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
        header, rows = table[0], table[2:]
        self.assertEqual([row[0] for row in rows], ["accumulate: float32", "accumulate: bfloat16"])
        if "µs" in header:
            for row in rows:
                self.assertGreater(float(row[header.index("µs")]), 0)
            return
        for row in rows:  # of a simulated GPU that counts: 2^18 sums are read and written, as many summands read
            self.assertEqual(row[header.index("kernel")], "map_elements")
            self.assertEqual(row[header.index("moved")], "1.00")
            self.assertEqual(row[header.index("by the call")], "1.00")
            self.assertEqual(row[header.index("sectors")], "100 %")


if __name__ == "__main__":
    unittest.main()
