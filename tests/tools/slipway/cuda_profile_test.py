#!/usr/bin/env python3
"""`slipway profile` on a GPU."""

import unittest

import profile_test


class CudaProfileTest(profile_test.ProfileTest):
    device = "cuda:0"


if __name__ == "__main__":
    unittest.main()
