# livehost in a container: the service, its speech, its pictures and both embedded bases on the CPU.
# `--build-arg EXTRAS=` leaves the model libraries out: templates speak, looks are shown as they are drawn.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml requirements.lock README.md ./
COPY livehost livehost
COPY services services
ARG EXTRAS=[models]
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
 && install -d -o livehost /var/lib/livehost
COPY --from=build /opt/livehost /opt/livehost
COPY configs /etc/livehost
COPY adapters /etc/adapters
USER livehost
ENV PATH=/opt/livehost/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    LIVEHOST_STATE=/var/lib/livehost
VOLUME /var/lib/livehost
EXPOSE 8080 8081
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
STOPSIGNAL SIGTERM
# The duty token is made at the first start and kept in the volume.
CMD ["sh", "-c", "umask 077; t=$LIVEHOST_STATE/duty-token; [ -s $t ] || python -c 'import secrets; print(secrets.token_urlsafe(24))' >$t; export LIVEHOST_DUTY_TOKEN=$(cat $t); echo \"console: http://127.0.0.1:8080/#token=$LIVEHOST_DUTY_TOKEN\"; exec livehost serve /etc/livehost/compose.yaml"]
