"""`lienthong bench`: the measurements that lie beside the project's code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

from gateway.errors import Misconfigured


@click.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    epilog="Ví dụ · Example:  lienthong bench --help",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bench(arguments: tuple[str, ...]) -> None:
    """Đo tốc độ, theo tỉ lệ trong cùng một lần chạy.

    Measure speed, as ratios within one run. The arguments go to the bench, which ships with the source code only.
    """
    checkout = Path(__file__).resolve().parent.parent.parent
    if not (checkout / "bench" / "__main__.py").exists():
        raise Misconfigured(
            f"{checkout / 'bench'}: không có ở đây · not here; it comes with the source code, not with the package"
        )
    command = [sys.executable, "-m", "bench", *arguments]
    sys.exit(subprocess.run(command, cwd=checkout, check=False).returncode)  # noqa: S603 - our own program
