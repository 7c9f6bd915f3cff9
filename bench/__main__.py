"""`lienthong bench NAME`: measurements of this machine, as ratios within one run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

# Options that several measurements take.
connections_ = click.option(
    "--connections",
    default=16,
    show_default=True,
    type=click.IntRange(1, 256),
    help="Kết nối của bên gửi · connections of the load.",
)
loaded_ = click.option(
    "--loaded",
    default=0,
    show_default=True,
    type=click.IntRange(0, 5_000_000),
    help="Đo lại với sổ cái đã có chừng này · again with so many messages in the ledger.",
)
as_json_ = click.option("--json", "as_json", is_flag=True)


@click.group()
def bench() -> None:
    """Đo tốc độ: mỗi con số đi cùng một mức sàn đo trong cùng lần chạy.

    Measurements. Every figure stands beside a floor measured in the same run; only the ratios travel to another machine.
    """


@bench.command()
@click.option(
    "--messages",
    default=5000,
    show_default=True,
    type=click.IntRange(100, 200_000),
    help="Hồ sơ mỗi phép đo · dossiers a figure.",
)
@connections_
@loaded_
@as_json_
def embedded(messages: int, connections: int, loaded: int, as_json: bool) -> None:
    """Nhận và gửi với cấu hình mặc định (SQLite, hai tiến trình).

    Accept and deliver with the embedded default. Example: lienthong bench embedded --loaded 1000000
    """
    from bench.embedded import Bench

    result = Bench(messages, connections, loaded).run()
    if as_json:
        print(json.dumps(result, indent=1))
        return
    for figure in result["figures"]:
        print(
            f"{figure['name']:>22}  {figure['rate']:>8,.0f}/s"
            + (f"  {figure['cpu']:.2f} CPU s / 1,000" if figure["cpu"] else "")
        )
    print(f"{'idle memory of up':>22}  {result['idle_pss_mib']:.0f} MiB")
    for name, ratio in result["ratios"].items():
        print(f"{name:>48}  {ratio:.2f}")


@bench.command()
@as_json_
def translate(as_json: bool) -> None:
    """Dịch tài liệu 1, 10 và 100 KB bằng quy tắc JSON và bằng XSLT.

    Translate documents of 1, 10 and 100 KB by JSON rules and by XSLT, against reading and writing alone. Example: lienthong bench translate
    """
    from bench.translate import Bench

    result = Bench().run()
    if as_json:
        print(json.dumps(result, indent=1))
        return
    for figure in result["figures"]:
        print(
            f"{figure['size']:>4} KB  {figure['name']:<22}  {figure['us']:>9,.0f} µs  {figure['ratio']:>6.1f} × floor"
        )


@bench.command()
@as_json_
def worktime(as_json: bool) -> None:
    """Tính hạn trả kết quả theo giờ làm việc, và ba đồng hồ của một hồ sơ.

    Due dates a second, against adding a plain timedelta and against walking day by day; and all three clocks of a dossier.
    Example: lienthong bench worktime
    """
    from bench.worktime import Bench

    result = Bench().run()
    if as_json:
        print(json.dumps(result, indent=1))
        return
    for figure in result["figures"]:
        print(
            f"{figure['name']:>22}  {figure['rate']:>11,.0f}/s  {figure['us']:>8,.2f} µs  {figure['ratio']:>7.1f} × floor"
        )


@bench.command()
@click.option(
    "--messages",
    default=2000,
    show_default=True,
    type=click.IntRange(100, 200_000),
    help="Hồ sơ qua cả cổng · dossiers through a whole gateway.",
)
@connections_
@as_json_
def soap(messages: int, connections: int, as_json: bool) -> None:
    """Gọi dịch vụ SOAP bằng đầu nối chung, so với libcurl trần và với zeep; và SOAP vào → REST ra.

    Calls of the generic SOAP connector, against the same bytes over libcurl alone and against zeep; then SOAP in → canonical → JSON out through
    a whole gateway, beside REST in. Example: lienthong bench soap
    """
    from bench.soap import Bench, Through

    result = {**Bench().run(), "through": Through(messages, connections).run()}
    if as_json:
        print(json.dumps(result, indent=1))
        return
    for figure in result["figures"]:
        print(
            f"{figure['size']:>4} KB  {figure['name']:<22}  {figure['us']:>9,.0f} µs  {figure['ratio']:>6.1f} × floor"
        )
    for door, (rate, cpu) in result["through"].items():
        print(f"{door:>9} in → portal            {rate:>9,.0f}/s  {cpu:.2f} CPU s / 1,000")


@bench.command()
@click.option(
    "--messages",
    default=3000,
    show_default=True,
    type=click.IntRange(200, 200_000),
    help="Hồ sơ mỗi phép đo · dossiers a figure.",
)
@connections_
@click.option(
    "--workers",
    multiple=True,
    default=(1, 2, 4),
    show_default=True,
    type=click.IntRange(1, 16),
    help="Số tiến trình gửi (lặp lại được) · `lienthong work` processes.",
)
@click.option(
    "--nodes",
    default="1",
    show_default=True,
    type=click.Choice(["0", "1", "3"]),
    help="Số nút RabbitMQ; 0: phiếu trong thư mục · RabbitMQ nodes; 0: tickets in a folder.",
)
@loaded_
@as_json_
def engine(messages: int, connections: int, workers: tuple[int, ...], nodes: str, loaded: int, as_json: bool) -> None:
    """Nhận và gửi với PostgreSQL và RabbitMQ.

    Accept and deliver with the production engines, which it starts itself. Example: lienthong bench engine --nodes 3 --loaded 5000000
    """
    from bench.engine import EngineBench

    result = EngineBench(messages, connections, loaded, int(nodes), workers).run()
    if as_json:
        print(json.dumps(result, indent=1))
        return
    titles = ["rate", "gateway", "database", "broker", "p50_ms", "p95_ms", "p99_ms"]
    print(f"{'':>32}" + "".join(f"{title:>10}" for title in titles))
    for figure in result["figures"]:
        cells = [f"{figure[t]:>10,.2f}" if figure[t] is not None else " " * 10 for t in titles]
        print(f"{figure['name']:>32}" + "".join(cells))
    for name, ratio in result["ratios"].items():
        print(f"{name:>56}  {ratio:.2f}")


@bench.command()
@click.option(
    "--calls",
    default=2000,
    show_default=True,
    type=click.IntRange(50, 200_000),
    help="Lời gọi mỗi phép đo · calls a figure.",
)
@click.option("--connections", default=8, show_default=True, type=click.IntRange(1, 64), help="Kết nối · connections.")
@as_json_
def sso(calls: int, connections: int, as_json: bool) -> None:
    """Đăng nhập một lần: cả vòng đăng nhập, cấp mã, kiểm mã.

    One sign-on: whole sign-ins, tokens, introspection, verified calls of the API; tokens beside npm's oidc-provider on this machine.
    Example: lienthong bench sso --calls 5000
    """
    from bench.sso import Bench

    result = Bench(calls, connections).run()
    if as_json:
        print(json.dumps(result, indent=1))
        return
    for figure in result["figures"]:
        print(f"{figure['name']:>34}  {figure['rate']:>8,.0f}/s  {figure['cpu']:.2f} CPU s / 1,000")
    for name, ratio in result["ratios"].items():
        print(f"{name:>48}  {ratio:.2f}")


@bench.command()
@click.option(
    "--messages",
    default=1_000_000,
    show_default=True,
    type=click.IntRange(400, 20_000_000),
    help="Bản tin trong sổ cái · messages in the ledger.",
)
@as_json_
def statistics(messages: int, as_json: bool) -> None:
    """Thống kê trên sổ cái lớn, SQLite và PostgreSQL.

    Statistics over a large ledger on both engines, against one plain reading of its status rows. Example: lienthong bench statistics
    """
    from bench.statistics import Bench

    result = Bench(messages).run()
    if as_json:
        print(json.dumps(result, indent=1))
        return
    for row in result:
        print(
            f"{row['engine']:>12}  {row['question']:<32}  {row['seconds']:>8.2f} s  {row['cpu']:>8.2f} CPU s  {row['ratio']:>6.2f} × floor"
        )


@bench.command()
@click.option(
    "--dossiers",
    default=50_000,
    show_default=True,
    type=click.IntRange(100, 1_000_000),
    help="Hồ sơ được đối soát · dossiers to reconcile.",
)
@click.option(
    "--loaded",
    multiple=True,
    default=(1_000_000,),
    show_default=True,
    type=click.IntRange(1000, 5_000_000),
    help="Tra cứu với sổ cái đã có chừng này (lặp lại được) · look up with so many messages in the ledger (repeatable).",
)
@as_json_
def truth(dossiers: int, loaded: tuple[int, ...], as_json: bool) -> None:
    """Đối soát, tra cứu một hồ sơ, tính hạn: cổng biết sự thật nhanh đến đâu.

    Reconciliation of many dossiers against the portal's twin; look-up and trace in large ledgers; due dates. Five million messages take about
    30 GB of disk. Example: lienthong bench truth --dossiers 20000 --loaded 1000000 --loaded 5000000
    """
    from bench.truth import Bench

    result = Bench(dossiers, loaded).run()
    if as_json:
        print(json.dumps(result, indent=1))
        return
    for figures in result.values():
        for figure in figures:
            cells = [f"{figure[name]:>8,.2f} {name}" if figure[name] else "" for name in ("cpu_ms", "p50_ms", "p95_ms")]
            print(
                f"{figure['name']:>48}  {figure['rate']:>11,.0f}/s  {''.join(f'{c:>17}' for c in cells)}  {figure['ratio']:>7.1f} × floor"
            )


@bench.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--ledger", default="", metavar="URL", help="Sổ cái trống (mặc định: SQLite tạm) · an empty ledger to use."
)
@as_json_
def scenario(file: Path, ledger: str, as_json: bool) -> None:
    """Chạy lại một kịch bản có số liệu đã công bố qua cả cổng và các hệ thống mô phỏng, rồi so từng con số.

    A published half-year, its people invented, through the whole gateway and its twins; then every published figure beside ours. Exit code 1
    when one differs. Example: lienthong bench scenario bench/scenarios/ha-giang-2019.toml
    """
    from bench.figures import read_scenario
    from bench.outcome import play

    sys.exit(play(read_scenario(file), file, ledger, as_json))


if __name__ == "__main__":
    bench(prog_name="lienthong bench")
