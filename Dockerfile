# syntax=docker/dockerfile:1
# The server in a container: docs/serve.md. Models are mounted, none is inside.
#
#     docker build --build-arg TORCH_INDEX=… --tag foretext .
#
# TORCH_INDEX is the index of CPU wheels that pytorch.org names ("Start locally", pip, CPU): the wheel that pip takes
# otherwise brings gigabytes of CUDA.

FROM python:3.12.11-slim-bookworm AS build
ARG TORCH_INDEX
ARG TORCH=2.13.0
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
RUN python -m venv /opt/foretext
ENV PATH=/opt/foretext/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN pip install --index-url "${TORCH_INDEX:?name the index of CPU wheels: --build-arg TORCH_INDEX=…}" "torch==$TORCH"
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY foretext foretext
RUN pip install --constraint constraints.txt '.[serve]'

FROM python:3.12.11-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin foretext
COPY --from=build /opt/foretext /opt/foretext
ENV PATH=/opt/foretext/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /models
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import http.client, sys; asked = http.client.HTTPConnection('127.0.0.1', 8000, timeout=3); asked.request('GET', '/health'); sys.exit(asked.getresponse().status != 200)"]
ENTRYPOINT ["foretext", "serve", "--host", "0.0.0.0", "--port", "8000"]
