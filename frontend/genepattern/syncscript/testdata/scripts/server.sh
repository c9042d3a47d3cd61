#!/usr/bin/env bash
aws \
    "s3"  \
    "sync"  \
    "s3://gp-example/beta/opt/gp/users/ann@example.org/uploads"  \
    "/local/opt/gp/users/ann@example.org/uploads"  \
    "--exclude"  \
    "*"  \
    "--include"  \
    "all aml [train] (1).gct"  \
 >> /local/opt/gp/jobs/101.meta/s3_downloads.log

aws \
    "s3"  \
    "sync"  \
    "s3://gp-example/beta/opt/gp/taskLib/PreprocessDataset.6.1"  \
    "/local/opt/gp/taskLib/PreprocessDataset.6.1"  \
 >> /local/opt/gp/jobs/101.meta/s3_downloads.log

aws \
    "s3"  \
    "sync"  \
    "s3://gp-example/beta/opt/gp/wrapper_scripts"  \
    "/local/opt/gp/wrapper_scripts"  \
    "--exclude"  \
    "*"  \
    "--include"  \
    "run_java.sh"  \
 >> /local/opt/gp/jobs/101.meta/s3_downloads.log

chmod u+x "/local/opt/gp/wrapper_scripts/run_java.sh"

mkdir -p "/local/opt/gp/jobs/101"
wget -S -T 60 -O "/local/opt/gp/jobs/101/remote data.cls" "https://datasets.example.org/all_aml/all_aml_train.cls?rev=2&raw=1" >> /local/opt/gp/jobs/101.meta/http_downloads.log 2>&1 || echo "download failed" >> /local/opt/gp/jobs/101.meta/http_downloads.log

chmod u+rw "/local/opt/gp/jobs/101/remote data.cls"

