"""Differences of two independent shares."""

from math import hypot

from chanjiao.statistics import Estimate


def newcombe(first: Estimate, second: Estimate) -> Estimate:
    """Return the difference first - second of two independent shares, with an interval from their own intervals.

    Newcombe's square-and-add rule (Statistics in Medicine 17 (1998), 873-890, method 10): the distances of both shares
    to the ends of their Wilson intervals are added like the sides of a right angle. Wilson intervals on an effective
    sample size (`statistics.cluster_share`) carry the clustering over. In [-1, 1], with width also at shares of exactly
    0 and 1. The confidence is that of the two intervals, which must be the same; shares that rest on common clusters
    are not independent, and the interval is then wrong.

    n and clusters are those of `first`, n_other and clusters_other those of `second`. Missing, with the reason, if one
    of the shares or its interval is missing.
    """
    blank = Estimate(
        None, n=first.n, clusters=first.clusters, n_other=second.n, clusters_other=second.clusters, unit="difference"
    )
    if first.value is None or first.interval is None:
        return blank.with_(reason=f"the first share is missing: {first.reason or 'it has no interval'}")
    if second.value is None or second.interval is None:
        return blank.with_(reason=f"the second share is missing: {second.reason or 'it has no interval'}")
    difference = first.value - second.value
    below = hypot(first.value - first.interval[0], second.interval[1] - second.value)
    above = hypot(first.interval[1] - first.value, second.value - second.interval[0])
    return blank.with_(value=difference, interval=(difference - below, difference + above))
