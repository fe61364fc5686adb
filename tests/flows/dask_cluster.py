"""A Dask scheduler and one worker at an address of loopback: says the address, and when a second worker has come."""

from __future__ import annotations

import sys

from distributed import LocalCluster

if __name__ == "__main__":
    one = {"n_workers": 1, "threads_per_worker": 1, "processes": False}
    at = {"protocol": "tcp://", "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(**one, **at) as cluster:  # type: ignore[no-untyped-call]
        print(cluster.scheduler_address, flush=True)
        cluster.wait_for_workers(2)
        print("both are here", flush=True)
        sys.stdin.readline()
