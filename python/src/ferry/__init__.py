"""Run commands in containers: here, on AWS Batch or on Slurm.

    job = ferry.submit(image="debian:12", command=["sort", "in.txt"], workdir="run1", to="local")
    job.result()          # waits; an exception says why it failed
    job.outputs["out.txt"].read_text()

A Job has the habits of concurrent.futures. The program `ferry` does the work; this is a thin client of it.
"""

from ._job import (
    Cancelled,
    Failed,
    FerryError,
    Job,
    Jobs,
    Lost,
    OutOfMemory,
    Status,
    UsageError,
    WalltimeReached,
    attach,
    map,
    submit,
)

__all__ = [
    "Cancelled", "Failed", "FerryError", "Job", "Jobs", "Lost", "OutOfMemory", "Status", "UsageError", "WalltimeReached", "attach", "map", "submit",
]
