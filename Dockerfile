# The server as an image that takes the place of `registry`: the same volume, port, paths of the configuration and words.
#
#     docker build -t berth .
#     docker run -d -p 5000:5000 --restart=always -v ~/registry:/var/lib/registry --name registry berth
#
# Both bases are named by version, not by digest: pass --build-arg NODE_IMAGE=node@sha256:... for a build that never changes.
# The second one has a C library and certificates, no shell and no package manager. Both are of the same Debian.
ARG NODE_IMAGE=node:26-trixie-slim
ARG BASE_IMAGE=gcr.io/distroless/cc-debian13:latest

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
  && mkdir /app \
  && npm sbom --omit=dev --package-lock-only --sbom-format=cyclonedx > /app/sbom.cdx.json
COPY deploy/image/bundler/package.json deploy/image/bundler/package-lock.json deploy/image/bundler/
RUN npm ci --prefix deploy/image/bundler --ignore-scripts --no-audit --no-fund
COPY config config
COPY storage-drivers storage-drivers
COPY src src
COPY deploy/image deploy/image
# The one library of Node that the base does not have, and an empty directory as the volume begins.
RUN node deploy/image/bundler/bundle.js /app \
  && mkdir -p /image/lib /image/bin /image/registry \
  && cp -L "$(find / -xdev -name libatomic.so.1 | head -n 1)" /image/lib/ \
  && chmod 700 /image/registry \
  && chmod 755 /app/deploy/image/start.js \
  && ln -s /app/deploy/image/start.js /image/bin/registry \
  && ln -s /app/deploy/image/start.js /image/bin/berth
# Node keeps compiled code for each user apart: for root, whom the container starts as, and for the user of the server.
RUN mkdir -p -m 777 /app/node_modules/.cache/berth && node deploy/image/compile.js /app/deploy/image
USER 65532:65532
RUN node deploy/image/compile.js /app/deploy/image
USER 0:0
RUN chmod -R a+rX,go-w /app/node_modules/.cache

FROM ${BASE_IMAGE}
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=build /image/lib/ /usr/local/lib/
COPY --from=build /app /app
# For those who name the program themselves, as in `command: [registry, serve, /etc/docker/registry/config.yml]`.
COPY --from=build /image/bin/ /bin/
COPY --from=build --chown=65532:65532 /image/registry /var/lib/registry
ENV LD_LIBRARY_PATH=/usr/local/lib NODE_ENV=production
WORKDIR /
VOLUME /var/lib/registry
EXPOSE 5000
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 \
  CMD ["/usr/local/bin/node", "/app/deploy/image/health.js"]
# Begins as root only to take over a volume that root owns, and goes on as 65532 or as the owner of the volume. With --user,
# or without the capabilities for it, it never is root.
ENTRYPOINT ["/bin/registry"]
CMD ["serve"]
