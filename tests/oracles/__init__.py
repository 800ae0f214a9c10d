"""Every statistic of the study against a published worked example or the documented output of another package.

Each test names its source. Where no published figure could be found, the test says with what the figure was recomputed.
A package, so that its files may be named as those in tests/unit.
"""
