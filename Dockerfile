# One image for every part, in two sizes. `slim` is the light installation: every part, with the built-in model. `full` has
# PyTorch and sentence-transformers too (three times the size): for workers that export a model of yours.
FROM python:3.11-slim AS base
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PYTHONPATH=/app PYTHONSAFEPATH=1 PC_WORKER_HOME=/state
RUN useradd --uid 10001 --create-home pcw && mkdir /state /data && chown pcw /state
WORKDIR /app

FROM base AS slim
COPY requirements.lock ./
# By hash, and nothing but what the lock names.
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock
COPY . .
# Once here instead of at the start of every process.
RUN python -m compileall -q pc_worker tasks celeryconfig.py flowerconfig.py
USER pcw
ENTRYPOINT ["python", "-m", "pc_worker"]

FROM base AS full
COPY requirements.txt requirements.lock ./
# torch's CPU build has its own index, and hashes of its own.
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock \
    && pip install --no-cache-dir -r requirements.txt --extra-index-url https://download.pytorch.org/whl/cpu
COPY . .
# Once here instead of at the start of every process.
RUN python -m compileall -q pc_worker tasks celeryconfig.py flowerconfig.py
USER pcw
ENTRYPOINT ["python", "-m", "pc_worker"]
