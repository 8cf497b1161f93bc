# A tag moves; an operator builds from a digest: docker build --build-arg NODE_IMAGE=node:24-slim@sha256:… (see
# docs/operations.md, "The image").
ARG NODE_IMAGE=node:24-slim

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Without the optional dependencies: they are the Node that a checkout brings along, and the image has its own.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit

FROM ${NODE_IMAGE} AS page
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit
COPY tsconfig.json ./
COPY web ./web
RUN npm run build

FROM ${NODE_IMAGE}
WORKDIR /app
# Inside a container the loopback interface reaches nobody; who reaches the port is decided by what publishes it.
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 DATA_DIR=/data
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY src ./src
COPY adapters ./adapters
COPY migrations ./migrations
COPY agents ./agents
COPY --from=page /app/dist ./dist
# Compiled once here: the running program cannot write there.
RUN ["node", "--import", "./src/compile-cache.js", "--input-type=module", "-e", "await import('./src/main.ts')"]
# Before VOLUME, which freezes the owner. The program itself stays root's: it cannot change its own code.
RUN mkdir /data && chown 1000:1000 /data && chmod 700 /data
VOLUME /data
USER 1000:1000
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Not through npm: signals have to reach the program.
CMD ["node", "--max-semi-space-size=4", "--import", "./src/compile-cache.js", "src/main.ts"]
