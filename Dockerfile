# syntax=docker/dockerfile:1
# One image for operator, ingress and runner; the argument is the process: `docker run hooklet ingress/main.ts`.

FROM node:26-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No package's script is run: none of those that are needed at run time has one.
RUN npm ci --omit=dev --ignore-scripts
# Of what is installed. With --omit=dev, npm would leave out what a development dependency needs as well.
RUN npm pkg delete devDependencies && npm sbom --sbom-format=spdx > sbom.spdx.json

FROM node:26-bookworm-slim
LABEL org.opencontainers.image.title="hooklet" \
      org.opencontainers.image.description="Webhooks as Kubernetes resources" \
      org.opencontainers.image.licenses="Apache-2.0" \
      dev.hooklet.sbom="/app/sbom.spdx.json"
# Only node itself is needed.
RUN rm -rf /usr/local/lib/node_modules /usr/local/include /usr/local/share/doc /opt/yarn* \
      /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn /usr/local/bin/yarnpkg
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=dependencies /app/sbom.spdx.json ./
# What .dockerignore lets through.
COPY . .
# No user of the base image: it owns nothing, and can write nowhere.
USER 65532:65532
# Node is process 1. It handles SIGTERM and SIGINT by itself (process/lifetime.ts) and starts no other processes, so that no init is needed to pass
# signals on or to collect orphans.
ENTRYPOINT ["node"]
CMD ["cli/main.ts", "--help"]
