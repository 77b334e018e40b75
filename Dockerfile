# livehost in a container: the service, its speech, its pictures, both embedded bases on the CPU, and training.
# `--build-arg EXTRAS=[models]` leaves out what only training needs, `EXTRAS=` the model libraries too: templates
# speak, looks are shown as they are drawn.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml requirements.lock README.md ./
COPY livehost livehost
COPY services services
ARG EXTRAS=[train]
ARG TORCH_CPU_INDEX=https://download.pytorch.org/whl/cpu
RUN python -m venv /opt/livehost \
 && if [ -n "$EXTRAS" ]; then \
      /opt/livehost/bin/pip install --no-cache-dir --no-deps --index-url "$TORCH_CPU_INDEX" \
        "$(grep '^torch==' requirements.lock)"; fi \
 && /opt/livehost/bin/pip install --no-cache-dir -c requirements.lock ".$EXTRAS"

FROM python:3.11-slim-bookworm
RUN apt-get update \
 && apt-get install -y --no-install-recommends ffmpeg fonts-noto-cjk \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 1000 livehost \
 && install -d -o livehost -g livehost /var/lib/livehost
COPY --from=build /opt/livehost /opt/livehost
COPY docker/livehost /usr/local/bin/livehost
COPY configs /etc/livehost
# The adapter library: `promote`, `evaluate` and `train` write into it. A new named volume begins with what is here.
COPY --chown=livehost:livehost adapters /srv/adapters
USER livehost
ENV PYTHONUNBUFFERED=1 \
    LIVEHOST_STATE=/var/lib/livehost \
    LIVEHOST_ADAPTERS=/srv/adapters
VOLUME ["/var/lib/livehost", "/srv/adapters"]
WORKDIR /srv
EXPOSE 8080 8081
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
STOPSIGNAL SIGTERM
CMD ["livehost", "serve", "/etc/livehost/compose.yaml"]
