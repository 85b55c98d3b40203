# The runs of a profile as a graph: `snakemake` runs what is not done, upstream first.
#
# What is done is brnb's word (receipts, fingerprints, hashes of artefacts), not file times: every
# look at this file renews one marker a run, work/<profile>/done/<run>, from `brnb status`.
# Chapters run on this machine's cores; with --profile profiles/slurm or
# --executor kubernetes, on a cluster's.

import os
from pathlib import Path

from brnb.locks import hold_lock
from brnb.pipeline import Pipeline

PROFILE = config.get("profile", os.environ.get("PROFILE", "smoke"))
PIPELINE = Pipeline(PROFILE)
MARKERS = Path("work") / PROFILE / "done"
JOBS_CORES = workflow.cores or os.cpu_count()

if workflow.is_main_process and not workflow.dryrun:
    hold_lock(Path("work") / PROFILE / "thesis.lock", f"the thesis in profile {PROFILE}")

for status in PIPELINE.status():
    marker = MARKERS / status.run
    if status.state == "done":
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch(exist_ok=True)
    else:
        marker.unlink(missing_ok=True)


def upstream(wildcards):
    return [ancient(MARKERS / need) for need in PIPELINE.needs(wildcards.run)]


def uses_gpu(wildcards):
    return PIPELINE.spec(wildcards.run).get("gpu", True)


rule all:
    input:
        [MARKERS / run for run in PIPELINE.runs],


rule run:
    input:
        upstream,
    output:
        touch(MARKERS / "{run}"),
    params:
        notebook=lambda w: PIPELINE.notebook(w.run).relative_to(PIPELINE.root),
        values=lambda w: PIPELINE.params_file(w.run).relative_to(PIPELINE.root),
        executed=f"reports/{PROFILE}/notebooks/{{run}}.ipynb",
        profile=PROFILE,
        gpu=lambda w: "brnb gpu " if uses_gpu(w) else "",
    resources:
        gpu=lambda w: int(uses_gpu(w)),
    threads: lambda w: min(PIPELINE.spec(w.run).get("threads", 1), JOBS_CORES)
    shell:
        # Two trainings that both take all cores are slower than one after the other, and threads
        # that spin while they wait starve the rest: hence OMP_*. TQDM_*: one line every ten
        # seconds, not ten a second, since a batch log keeps them all.
        "mkdir -p reports/{params.profile:q}/notebooks && "
        "OMP_NUM_THREADS={threads} OMP_WAIT_POLICY=PASSIVE TQDM_MININTERVAL=10 "
        "{params.gpu}papermill {params.notebook:q} {params.executed:q} -f {params.values:q} "
        "--no-progress-bar --log-output --log-level WARNING && "
        "brnb status --profile {params.profile:q} --run {wildcards.run:q}"
