"""What to do about names that are not on the allow-list: how to save the values as what is read."""

from __future__ import annotations

from pc_worker.reader.errors import Rejected, unsafe

#: By the name, or by how it begins; the first that fits.
_ADVICE: dict[str, str] = {
    "dateutil.tz.": "convert the timestamps to a named time zone or to UTC",
    "numpy.ma.": "save it with `.filled(value)`",
    "numpy.": "save it as a plain array, with `numpy.asarray`",
    "torch.": "save tensors with `.numpy()`",
    "scipy.sparse.": "save it with `.toarray()`",
    "polars.": "save the table as Parquet, or with `.to_pandas()`",
    "pyarrow.": "save the table as Parquet, or with `.to_pandas()`",
    "geopandas.": "save geometries as text, with `.to_wkt()`",
    "shapely.": "save geometries as text, with `.wkt`",
    "pandas.": "save the table as Parquet, or with another version of pandas",
}
_USUAL = "save plain values, lists and dicts instead of such objects"


def not_listed(module: str, name: str) -> Rejected:
    """Return the error for a name that is not on the allow-list."""
    full = f"{module}.{name}"
    advice = next((advice for start, advice in _ADVICE.items() if full.startswith(start)), _USUAL)
    return unsafe(f"the file names {_shown(module)}.{_shown(name)}, which is not on the allow-list: {advice}")


def _shown(text: str) -> str:
    return ascii(text[:80])[1:-1]
