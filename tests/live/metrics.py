"""--metrics: what Prometheus scrapes adds up to the records; the dashboard and the unit use what there is."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time

import net
from net import BUILD, PROGRAM, Net, stop
import tap
from tap import skip, test

TOP = os.environ["top_srcdir"]
ADDRESS = "127.0.0.1:9478"

# metric with {dir}: the path of its figure in each half of a connection record, and what makes one of the metric's unit
HALVES = {
    "tcpstat_connection_packets_total": (("packets",), 1),
    "tcpstat_connection_bytes_total": (("bytes",), 1),
    "tcpstat_payload_bytes_total": (("payload_bytes",), 1),
    "tcpstat_spurious_retransmissions_total": (("retransmissions", "spurious"), 1),
    "tcpstat_retransmitted_bytes_total": (("retransmissions", "bytes"), 1),
    "tcpstat_timeouts_total": (("timeouts", "count"), 1),
    "tcpstat_timeout_stall_seconds_total": (("timeouts", "stall_us"), 1e6),
    "tcpstat_out_of_order_total": (("out_of_order",), 1),
    "tcpstat_duplicates_total": (("duplicates",), 1),
    "tcpstat_dup_acks_total": (("dup_acks",), 1),
    "tcpstat_zero_windows_total": (("rwnd_bytes", "zero_count"), 1),
    "tcpstat_zero_window_seconds_total": (("rwnd_bytes", "zero_us"), 1e6),
    "tcpstat_stream_gaps_total": (("gaps", "count"), 1),
}


def tools():
    """prometheus and promtool: installed, or from Debian's package unpacked in the build; None if neither can be had."""
    found = [shutil.which("prometheus"), shutil.which("promtool")]
    if all(found):
        return found
    place = os.path.join(os.path.abspath(BUILD), "prometheus")
    found = [os.path.join(place, "usr", "bin", name) for name in ("prometheus", "promtool")]
    if not all(map(os.path.exists, found)) and shutil.which("apt-get") and shutil.which("dpkg-deb"):
        with tempfile.TemporaryDirectory() as directory:
            subprocess.run(["apt-get", "-q", "download", "prometheus"], cwd=directory, capture_output=True, timeout=300)
            for package in os.listdir(directory):
                subprocess.run(["dpkg-deb", "-x", os.path.join(directory, package), place], check=True)
    return found if all(map(os.path.exists, found)) else None


def parse(text):
    """{(name, labels as a sorted tuple): value}"""
    series = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, labels, value = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line).groups()
            pairs = tuple(sorted(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or "")))
            series[name, pairs] = float(value)
    return series


def total(series, name, **labels):
    return sum(v for (n, pairs), v in series.items() if n == name and set(labels.items()) <= set(pairs))


def figure(record, path):
    for key in path:
        record = record[key]
    return record or 0


def compare(series, lines):
    connections = [r for r in lines if r["type"] == "connection"]
    wrong = []
    for name, (path, per) in HALVES.items():
        for way in ("c2s", "s2c"):
            got, want = total(series, name, dir=way), sum(figure(r[way], path) for r in connections) / per
            if abs(got - want) > 1e-6 * len(connections):
                wrong.append(f"{name} {way}: {got}, records {want}")
    causes = {}
    for r in connections:
        for way in ("c2s", "s2c"):
            for cause, n in r[way]["retransmissions"]["by_cause"].items():
                causes[way, cause] = causes.get((way, cause), 0) + (n or 0)
    for (way, cause), want in causes.items():
        got = total(series, "tcpstat_retransmissions_total", dir=way, cause=cause)
        if got != want:
            wrong.append(f"retransmissions {way} {cause}: {got}, records {want}")
    test("sums over connections are those of their records", not wrong and connections, "\n".join(wrong))
    test("something was sent again", total(series, "tcpstat_retransmissions_total") > 0)
    # What the end of the input brings to light came after the scrape: it stands between the connections.
    first = next(i for i, r in enumerate(lines) if r["type"] == "connection")
    while lines[first - 1].get("conn") == lines[first]["conn"]:
        first -= 1
    for way in ("c2s", "s2c"):
        samples = [r["sample_us"] for r in lines[:first] if r["type"] == "rtt" and r["dir"] == way]
        test(f"RTT samples {way}: as many, and the same sum",
             samples and total(series, "tcpstat_rtt_seconds_count", dir=way) == len(samples) and
             abs(total(series, "tcpstat_rtt_seconds_sum", dir=way) - sum(samples) / 1e6) < 1e-6 * len(samples),
             (total(series, "tcpstat_rtt_seconds_count", dir=way), total(series, "tcpstat_rtt_seconds_sum", dir=way),
              len(samples), sum(samples)))
    responses = [r["latency"]["response_us"] for r in connections]
    test("responses", total(series, "tcpstat_response_seconds_count") == sum(r["count"] for r in responses) > 0)
    handshakes = [r["handshake"]["rtt_us"] for r in connections if r["handshake"]["rtt_us"] is not None]
    test("handshakes", total(series, "tcpstat_handshake_seconds_count") == len(handshakes) > 0)
    counters = lines[-1]["counters"]
    wrong = {k: v for k, v in counters.items() if total(series, "tcpstat_decoded_total", what=k) != v}
    test("the decoder's counters are those of the summary", not wrong and counters["tcp"] > 0, wrong)
    test("opened", total(series, "tcpstat_connections_opened_total") == len(connections))
    test("labelled by port", total(series, "tcpstat_connection_packets_total", port="8080") > 0)


def dashboard(series):
    names = {name for name, _ in series}
    with open(os.path.join(TOP, "contrib", "grafana", "tcpstat.json"), encoding="utf-8") as f:
        board = json.load(f)
    used = {name for panel in board["panels"] for target in panel["targets"]
            for name in re.findall(r"\b(?:tcpstat|process)_\w+", re.sub(r'"[^"]*"', "", target["expr"]))}
    # Families without a series yet are known by their TYPE line.
    test("the dashboard uses only metrics that there are", len(used) > 20 and not used - names, sorted(used - names))
    labels, wrong = {}, []
    for name, pairs in series:
        for label, value in pairs:
            labels.setdefault(name, {}).setdefault(label, set()).add(value)
    for target in (t for panel in board["panels"] for t in panel["targets"]):
        known = {"instance": None, "job": None}
        for name, selector in re.findall(r"\b((?:tcpstat|process)_\w+)\{([^}]*)\}", target["expr"]):
            own = labels.get(name, {})
            known.update(own)
            for label, values in re.findall(r'(\w+)=~?"([^"]*)"', selector):
                if label in ("instance", "job"):
                    continue
                wrong += [f"{name}: {label}={value}" for value in values.split("|") if value not in own.get(label, ())]
        asked = re.findall(r"\bby \(([^)]*)\)", target["expr"])
        asked += re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", ""))
        wrong += [f"{target['expr']}: {label}" for words in asked for label in re.split(r", *", words)
                  if label not in known and label not in ("id",)]
    test("and only labels that they have, with values that they take", not wrong, "\n".join(wrong))


def unit():
    with open(os.path.join(TOP, "contrib", "systemd", "tcpstat.service"), encoding="utf-8") as f:
        text = f.read()
    options = set(re.findall(r"--[a-z-]+", text))
    known = set(re.findall(r"--[a-z-]+", subprocess.run([PROGRAM, "--help"], capture_output=True, text=True).stdout))
    test("the unit uses only options that there are", len(options) > 2 and options <= known, options - known)
    if not shutil.which("systemd-analyze"):
        skip("systemd takes the unit", "no systemd-analyze")
        skip("its sandbox is tight", "no systemd-analyze")
        return
    with tempfile.TemporaryDirectory() as directory:
        name = os.path.join(directory, "tcpstat.service")
        with open(name, "w", encoding="utf-8") as f:  # the program and its manual need not be installed
            here = text.replace("=tcpstat ", f"={os.path.abspath(PROGRAM)} ")
            f.write(re.sub(r"^Documentation=.*\n", "", here, flags=re.M))
        verify = subprocess.run(["systemd-analyze", "verify", name], capture_output=True, text=True)
        test("systemd takes the unit", verify.returncode == 0 and "tcpstat.service" not in verify.stderr, verify.stderr)
        tight = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=25", name],
                               capture_output=True, text=True)
        test("its sandbox is tight", tight.returncode == 0, tight.stdout[-300:] + tight.stderr)


def scrape(link, directory, prometheus):
    """Prometheus itself, in the server's namespace; its last values of all series of the job."""
    config = os.path.join(directory, "prometheus.yml")
    with open(config, "w", encoding="ascii") as f:
        f.write("global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
                f"scrape_configs: [{{job_name: tcpstat, static_configs: [{{targets: ['{ADDRESS}']}}]}}]\n")
    link.start(link.server, prometheus, f"--config.file={config}", f"--storage.tsdb.path={directory}/data",
               "--web.listen-address=127.0.0.1:9090", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    query = "http://127.0.0.1:9090/api/v1/query?query=%7Bjob%3D%22tcpstat%22%7D"
    for _ in range(60):
        answer = link.get(query)
        result = json.loads(answer)["data"]["result"] if answer else []
        if result:
            return result
        time.sleep(0.5)
    return []


def run(directory, found):
    records = os.path.join(directory, "records.jsonl")
    with Net(delay_ms=5, loss=0.03, seed=3) as link, open(records, "wb") as out:
        link.serve()
        program = link.tcpstat("-i", "eth0", "--jsonl", "--events", "all", "--metrics", ADDRESS, "--metrics-by", "port",
                               "tcp", stdout=out)
        link.fetch(8, 150000)
        link.settle()
        text = link.get(f"http://{ADDRESS}/metrics")
        test("/metrics answers", bool(text))
        test("/healthz answers", link.get(f"http://{ADDRESS}/healthz") == "ok\n")
        test("nothing else does", link.get(f"http://{ADDRESS}/etc/passwd") is None)
        series = parse(text)
        scraped = scrape(link, directory, found[0]) if found else None
        stop(program)
    with open(records, encoding="utf-8") as f:
        lines = [json.loads(line) for line in f]
    compare(series, lines)
    for name in re.findall(r"^# TYPE (\w+)", text, re.M):
        series.setdefault((name, ()), 0)
    dashboard(series)
    if not found:
        skip("promtool has nothing to say", "no prometheus, and it cannot be downloaded")
        skip("Prometheus scrapes it", "no prometheus, and it cannot be downloaded")
        return
    lint = subprocess.run([found[1], "check", "metrics"], input=text.encode(), capture_output=True)
    test("promtool has nothing to say", lint.returncode == 0 and not lint.stderr, lint.stderr.decode())
    own = {(r["metric"]["__name__"], tuple(sorted((k, v) for k, v in r["metric"].items()
            if k not in ("__name__", "job", "instance")))): float(r["value"][1]) for r in scraped}
    wrong = [key for key, value in parse(text).items() if key[0].startswith("tcpstat_") and own.get(key) != value]
    test("Prometheus scrapes it, every value", own.get(("up", ())) == 1 and not wrong, wrong[:5])


def main():
    unit()
    why = net.cannot()
    if why:
        skip("metrics of live traffic", why)
    else:
        with tempfile.TemporaryDirectory() as directory:
            run(directory, tools())
    tap.done()


main()
