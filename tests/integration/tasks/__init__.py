"""Real Celery workers on real servers, without the rest of the stack."""
