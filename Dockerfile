# Perdura's API and workers. Set DATABASE_URL: the embedded PostgreSQL, whose files come with the lock (60 MB), may not start here.
FROM denoland/deno:2.9.6 AS build
WORKDIR /app
COPY deno.json deno.lock ./
COPY main.ts mod.ts ./
COPY src src
COPY machines machines
COPY handlers handlers
COPY sql sql
# Exactly the versions of the lock, or no image.
ENV DENO_DIR=/deno-dir
RUN deno cache --frozen main.ts src/ui/layout_worker.ts
# The pages: the image builds nothing when it runs.
RUN deno run -A --frozen src/cli/ui_files.ts

FROM denoland/deno:2.9.6
WORKDIR /app
COPY --from=build --chown=root:root /deno-dir /deno-dir
COPY --from=build --chown=root:root /app /app
# The outbox of the sample handlers, and nothing else, is written.
RUN mkdir -p /var/lib/perdura && chown deno:deno /var/lib/perdura
ENV DENO_DIR=/deno-dir \
    DENO_NO_UPDATE_CHECK=1 \
    PERDURA_STATE_DIR=/var/lib/perdura \
    PORT=8000
USER deno
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["deno", "eval", "const r = await fetch(`http://127.0.0.1:${Deno.env.get('WORKER_HTTP_PORT') ?? Deno.env.get('PORT')}/health/ready`); Deno.exit(r.ok ? 0 : 1)"]
# No subprocesses, no native code, no reading and writing outside of the program and the state folder.
# The environment as a whole: the driver of PostgreSQL asks for names that are not known beforehand.
ENTRYPOINT ["deno", "run", "--no-prompt", "--cached-only", "--frozen", "--allow-net", "--allow-env", \
  "--allow-sys=hostname,networkInterfaces", "--allow-read=/app,/var/lib/perdura", \
  "--allow-write=/var/lib/perdura", "--v8-flags=--max-semi-space-size=4", "main.ts"]
CMD ["api"]
