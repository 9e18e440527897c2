# The production image: the release build on a bare Debian, as a user without rights.
FROM rust:1.95-bookworm AS build
WORKDIR /recharge
# npm brings wasm-opt and lightningcss: a smaller site.
RUN apt-get update && apt-get install -y --no-install-recommends nodejs npm && rm -rf /var/lib/apt/lists/*
COPY . .
RUN make build

FROM debian:bookworm-slim
# Certificates for TLS to PostgreSQL; Stripe's are compiled in.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home --home-dir /recharge recharge \
    && install --directory --owner=recharge /recharge/data
WORKDIR /recharge
COPY --from=build /recharge/target/release/recharge /usr/local/bin/recharge
COPY --from=build /recharge/target/site target/site
USER recharge
ENV LEPTOS_ENV=PROD LEPTOS_OUTPUT_NAME=recharge LEPTOS_SITE_ROOT=target/site LEPTOS_SITE_ADDR=0.0.0.0:3000
EXPOSE 3000
# SQLite's file, where DATABASE_URL names no PostgreSQL.
VOLUME /recharge/data
# `docker run IMAGE migrate` first, then `docker run IMAGE`; GET /readyz says when it is ready.
ENTRYPOINT ["recharge"]
