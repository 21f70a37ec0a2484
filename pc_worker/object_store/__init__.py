"""Sources in object stores: `s3://`, `gs://` and `az://` URLs, read by ranges."""
