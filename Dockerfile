# The wheel is built in one stage, with the Rust kernel required; the final stage is Python and the wheel.
ARG RUST_IMAGE=rust:1.90-slim-bookworm
ARG PYTHON_IMAGE=python:3.13-slim-bookworm

FROM ${RUST_IMAGE} AS rust

FROM ${PYTHON_IMAGE} AS build
COPY --from=rust /usr/local/cargo /usr/local/cargo
COPY --from=rust /usr/local/rustup /usr/local/rustup
ENV PATH=/usr/local/cargo/bin:$PATH CARGO_HOME=/usr/local/cargo RUSTUP_HOME=/usr/local/rustup \
    TAILGATE_REQUIRE_KERNEL=rust
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN python -m venv /opt/tailgate \
    && /opt/tailgate/bin/pip install --no-cache-dir ".[kubernetes]" \
    && /opt/tailgate/bin/tailgate version \
    && /opt/tailgate/bin/pip uninstall -y pip

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="Tailgate" \
      org.opencontainers.image.description="A streaming OpenTelemetry proxy" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/tailgate /opt/tailgate
ENV PATH=/opt/tailgate/bin:$PATH PYTHONDONTWRITEBYTECODE=1 TAILGATE_REQUIRE_KERNEL=rust
USER 10001:10001
EXPOSE 4317 4318 8888 13133
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:13133/', timeout=2)"]
ENTRYPOINT ["tailgate"]
CMD ["run"]
