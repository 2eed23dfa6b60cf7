# Builds the binary with its own OpenSSL, so that the second stage needs nothing but a C library.
# The images can be pinned by digest: docker build --build-arg RUST_IMAGE=rust@sha256:… --build-arg BASE_IMAGE=debian@sha256:…
ARG RUST_IMAGE=rust:1.95-slim-bookworm
ARG BASE_IMAGE=debian:bookworm-slim
FROM ${RUST_IMAGE} AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev make perl && rm -rf /var/lib/apt/lists/*
WORKDIR /signet
COPY Cargo.toml Cargo.lock ./
COPY verify verify
COPY src src
COPY migrations migrations
COPY web web
# The manifest names a test binary and an example; empty ones are enough to build without them.
RUN mkdir -p tests examples/rust && touch tests/main.rs examples/rust/main.rs && cargo build --release --locked --bin signet

FROM ${BASE_IMAGE}
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
    && useradd --system --create-home --home-dir /var/lib/signet --uid 10001 signet
COPY --from=build /signet/target/release/signet /usr/local/bin/signet
USER signet
WORKDIR /var/lib/signet
VOLUME /var/lib/signet
ENV SIGNET_LISTEN=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && grep -q alive <&3"]
ENTRYPOINT ["signet"]
CMD ["serve"]
