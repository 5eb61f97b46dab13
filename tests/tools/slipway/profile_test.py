#!/usr/bin/env python3
"""`slipway profile`: where the time of a step goes, as tables and as a Chrome trace."""

import json
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from runs import IMAGES, TABLE, RunTest

PARTS = ["waiting for data", "input", "forward", "backward", "update", "host"]


def read_tables(text):
    """The rows of both tables: what -> (milliseconds, share), in order."""
    tables = [{}]
    for line in text.splitlines():
        found = re.match(r" *([\d.]+) +([\d.]+)%(?: +\d+ +[\d.]+ +[\d.]+)?  (.+)$", line)
        if found:
            tables[-1][found[3]] = (float(found[1]), float(found[2]))
        elif not line and tables[-1]:
            tables.append({})
    return tables[:2]


def enclosed(spans):
    """Whether each of the spans of a track lies within another or beside it."""
    open_ends = []
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        while open_ends and open_ends[-1] <= start + 1e-3:
            open_ends.pop()
        if open_ends and end > open_ends[-1] + 1e-3:  # in microseconds, of which JSON keeps some digits
            return False
        open_ends.append(end)
    return True


class ProfileTest(RunTest):
    device = "cpu"

    def profile(self, *arguments, **options):
        return self.slipway("profile", *arguments, "--device", self.device, "--threads", 1, **options)

    def test_tables(self):
        config = self.write("run.yaml", IMAGES)
        parts, ops = read_tables(self.profile(config, "--steps", 3).stdout)
        self.assertEqual(list(parts), PARTS + ["step"])
        self.assertEqual(parts["step"][1], 100)
        for part in ("forward", "backward", "update"):
            self.assertGreater(parts[part][0], 0)
        for op in ("conv2d", "batch_norm", "dropout", "linear", "cross_entropy", "adamw_update"):
            self.assertIn(op, ops)
        self.assertLess(sum(time for time, _ in ops.values()), 2.5 * parts["step"][0])
        times = [time for what, (time, _) in ops.items() if what != "together"]
        self.assertEqual(times, sorted(times, reverse=True))

    def test_nodes(self):
        config = self.write("run.yaml", IMAGES)
        text = self.profile(config, "--steps", 2, "--nodes").stdout
        self.assertRegex(text, r"  conv2d 'conv2d_1' float32\[8, 5, 8, 8\](\{\w+\})? ")
        self.assertRegex(text, r"  linear 'linear_1' float32\[8, 3\] ")

    def test_trace(self):
        config = self.write("run.yaml", IMAGES)
        self.profile(config, "--steps", 3, "--trace", "trace.json", "--set=train.accumulate=2")
        with open(self.path("trace.json"), encoding="utf-8") as file:
            events = json.load(file)["traceEvents"]
        self.assert_is_a_trace(events)
        names = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
        self.assertEqual(list(names.values()), ["host", self.device])
        steps = [event for event in events if event.get("cat") == "step"]
        self.assertEqual([step["name"] for step in steps], ["step 3", "step 4", "step 5"])
        for part in ("input", "forward", "backward", "update"):  # of two batches a step
            self.assertEqual(len([event for event in events if event["name"] == part]), 6, part)
        for op, part in (("conv2d", "forward"), ("conv2d_backward_weights", "backward"), ("adamw_update", "update")):
            self.assert_lie_in([event for event in events if event["name"] == op],
                               [event for event in events if event["name"] == part])
        convolutions = [event for event in events if event["name"] == "conv2d"]
        self.assertEqual(len(convolutions), 6)
        self.assertEqual(convolutions[0]["args"]["node"], "conv2d_1")
        self.assertTrue(convolutions[0]["args"]["type"].startswith("float32[8, 5, 8, 8]"))

    def assert_lie_in(self, ops, parts):
        self.assertTrue(ops)
        for op in ops:
            around = [part for part in parts if part["ts"] <= op["ts"] + 1e-3
                      and op["ts"] + op["dur"] <= part["ts"] + part["dur"] + 1e-3]
            self.assertEqual(len(around), 1, op)

    def assert_is_a_trace(self, events):
        """What the Trace Event Format asks of metadata and complete events."""
        tracks = {}
        for event in events:
            self.assertIn(event["ph"], "MX")
            self.assertIsInstance(event["name"], str)
            self.assertIsInstance(event["pid"], int)
            self.assertIsInstance(event["tid"], int)
            self.assertIsInstance(event["args"], dict)
            if event["ph"] == "M":
                self.assertIn(event["name"], ("process_name", "thread_name", "thread_sort_index"))
                continue
            self.assertIsInstance(event["cat"], str)
            self.assertGreaterEqual(event["ts"], 0)
            self.assertGreaterEqual(event["dur"], 0)
            tracks.setdefault(event["tid"], []).append((event["ts"], event["ts"] + event["dur"]))
        self.assertEqual(len(tracks), 2)
        for spans in tracks.values():
            self.assertTrue(enclosed(spans))

    def test_mistakes(self):
        config = self.write("run.yaml", TABLE)
        self.refused("profile", config, "--steps", 0)
        self.assertIn("device 'cuda:99'", self.refused("profile", config, "--device", "cuda:99"))
        failed = self.profile(config, "--steps", 1, "--trace", "nowhere/trace.json", status=2)
        self.assertIn("nowhere/trace.json", failed.stderr)
        self.assertEqual(sorted(os.listdir(self.directory)), ["run.yaml"])


if __name__ == "__main__":
    unittest.main()
