# The transfer image: ferry and nothing else. internal/lab prepares the build context, which is the image's file
# system: the binary, its links and an empty /tmp.
FROM scratch
ARG VERSION=dev
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="ferry" \
      org.opencontainers.image.description="Carries a module's data from object storage to its container and back" \
      org.opencontainers.image.source="https://github.com/genepattern/ferry" \
      org.opencontainers.image.documentation="https://github.com/genepattern/ferry#readme" \
      org.opencontainers.image.licenses="BSD-3-Clause" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
COPY . /
ENV PATH=/usr/local/bin
ENTRYPOINT ["/usr/local/bin/ferry"]
CMD ["run"]
