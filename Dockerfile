# The one image that a laptop, compose.yaml and every pod run.
#
#   docker build -t ttt-rllib .
#
# To get CPU-only torch where the index offers a CUDA build first (2 GB more):
#   --build-arg PIP_EXTRA_INDEX_URL=...   an index that has the CPU build, PyTorch's own for example
#   --build-arg PIP_FIND_LINKS=wheels     a folder of wheels beside this file, no index needed
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS dependencies
ARG PIP_INDEX_URL=""
ARG PIP_EXTRA_INDEX_URL=""
ARG PIP_FIND_LINKS=""
WORKDIR /src
# Copy only what determines the dependencies, so that a change of the source builds in seconds.
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY src/ttt_rllib/__init__.py src/ttt_rllib/
COPY envs/ttt_envs/__init__.py envs/ttt_envs/
# Remove in the same layer the 470 MB that nothing uses: headers, tests (except numpy's, which
# numpy.testing imports), Ray's Java half, symbol tables.
# hadolint ignore=DL3008,DL3009
RUN apt-get update && apt-get install -y --no-install-recommends binutils \
 && python3 -m venv --without-pip /venv \
 && pip --python /venv/bin/python install --no-cache-dir -c constraints.txt . \
 && pip --python /venv/bin/python uninstall --yes ttt-rllib \
 && site=$(echo /venv/lib/python3.*/site-packages) \
 && rm -rf "$site"/torch/include "$site"/torch/test "$site"/torch/bin/*proto* \
      "$site"/torch/bin/*[tT]est* "$site"/ray/jars "$site"/ray/cpp "$site"/pyarrow/include \
 && find "$site" -type d -name tests -not -path "*/numpy/*" -prune -exec rm -rf {} + \
 && find "$site" -type f \( -name "*.so*" -o -name raylet -o -name gcs_server \) \
      -not -path "*.libs/*" -exec strip --strip-unneeded {} +

FROM dependencies AS package
COPY src src
COPY envs envs
COPY experiments experiments
RUN pip --python /venv/bin/python install --no-cache-dir --no-deps --prefix /package .

FROM ${PYTHON_IMAGE}
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="ttt-rllib" \
      org.opencontainers.image.description="Self-play reinforcement learning on RLlib that proves its result" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# OpenShift runs the image as any user in group 0.
RUN useradd --uid 10001 --create-home --home-dir /home/ttt ttt \
 && mkdir /results \
 && chown -R ttt:0 /home/ttt /results \
 && chmod -R g=u /home/ttt /results
COPY --from=dependencies /venv /venv
COPY --from=package /package /venv
COPY k8s/ray-join /usr/local/bin/
WORKDIR /app
COPY experiments experiments
# Unless --storage says otherwise, results go to /results, the place to mount a volume.
RUN ln -s /results results
ENV PATH=/venv/bin:$PATH \
    HOME=/home/ttt \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    RAY_AUTH_MODE=token \
    RAY_USAGE_STATS_ENABLED=0 \
    RAY_USAGE_STATS_REPORT_URL=http://127.0.0.1:9
USER 10001:10001
EXPOSE 8000 8265
ENTRYPOINT ["ttt"]
CMD ["train", "experiments/ppo.yaml"]
