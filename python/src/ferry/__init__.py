"""Run commands in containers: here, on AWS Batch or on Slurm.

    job = ferry.submit(image="debian:12", command=["sort", "in.txt"], workdir="run1", to="local")
    job.result()          # waits; an exception says why it failed
    job.outputs["out.txt"].read_text()

    markers = ferry.Module("SelectMarkers.zip")     # a GenePattern module is a function
    job = markers(input_file="all_aml_train.gct", to="local")

A Job has the habits of concurrent.futures. The program `ferry` does the work; this is a thin client of it.
"""

from ._job import (
    Cancelled,
    Failed,
    Job,
    Jobs,
    Lost,
    OutOfMemory,
    Status,
    WalltimeReached,
    attach,
    map,
    submit,
)
from ._module import GPServer, GPTask, JobSpec, Module, ModuleJob, OutputFile, Parameter
from ._run import FerryError, UsageError

__all__ = [
    "Cancelled", "Failed", "FerryError", "GPServer", "GPTask", "Job", "JobSpec", "Jobs", "Lost", "Module", "ModuleJob", "OutOfMemory", "OutputFile",
    "Parameter", "Status", "UsageError", "WalltimeReached", "attach", "map", "submit",
]
