#!/usr/bin/env bash
aws \
    "s3"  \
    "cp"  \
    "s3://gp-example/beta/opt/gp/users/ann@example.org/uploads/a.gct"  \
    "/local/opt/gp/users/ann@example.org/uploads/"  \
    "--only-show-errors"  \
 >> /local/opt/gp/jobs/101.meta/s3_downloads.log

aws s3 cp --recursive "s3://gp-example/beta/opt/gp/lib" /local/opt/gp/lib --exclude "*" --include "*.R" >> /local/opt/gp/jobs/101.meta/s3_downloads.log 2>&1
wget -O /local/opt/gp/jobs/101/x.cls  http://datasets.example.org/x.cls >> /local/opt/gp/jobs/101.meta/http_downloads.log

chmod u+rw "/local/opt/gp/jobs/101/x.cls"
DEST=$GP_LOCAL_PREFIX/opt/gp/jobs/101
rm -f $DEST/old.txt && rm -rf "${DEST}/tmp" ; echo done >> "$DEST/log"
{ true; false; } || :
