"""The laboratory's scenarios: paths, kernels' settings, applications. README.md lists the words."""
import random

BULK = "connect;send {};finish"
SINK = "recv 0;finish"


def scenario(name, link, conns, **more):
    """A scenario with everything that was not said filled in. `conns`: (client, server) scripts, or whole dicts."""
    full = []
    for i, c in enumerate(conns if isinstance(conns, list) else [conns]):
        c = dict(c) if isinstance(c, dict) else {"client": c[0], "server": c[1]}
        c.setdefault("lport", 40001 + i)
        c.setdefault("rport", 5001 + (0 if "connect" in (c["server"] or "") else i))
        full.append(c)
    s = {"name": name, "features": [], "cc": "cubic", "mtu": 1500, "family": 4, "sysctl": {}, "timeout_s": 20, "seed": sum(map(ord, name)), **more}
    return dict(s, link=dict({"delay": 20, "rate": 20, "qlen": 2000}, **link), conns=full)


def bulk(name, link, n=1_000_000, **more):
    return scenario(name, link, (BULK.format(n), SINK), **more)


def like():
    """scenarios of the stored ground truth over again: their scores must be those of the stored runs"""
    yield bulk("loss1", {"delay": 10, "ab": {"loss": .01}}, 2_900_000)
    yield bulk("loss1-reno", {"ab": {"loss": .01}}, 1_900_000, cc="reno")
    yield bulk("queue-cubic", {"delay": 15, "rate": 10, "qlen": 30}, 3_900_000, features=["bottleneck"])
    yield bulk("queue-bbr", {"delay": 15, "rate": 10, "qlen": 20}, 3_900_000, features=["bottleneck"], cc="bbr")
    yield bulk("tail-loss1", {"delay": 25, "rules": ["dir=ab,match=new,n=70,act=drop"]}, 100_000)
    yield bulk("tail-flight-rto", {"rules": ["dir=ab,match=new,n=40-50,again=1,act=drop"]}, 72_000)
    yield bulk("blackout0.5", {"rate": 10, "blackout": "0.6:1.1"}, 1_500_000)
    yield bulk("blackout-dataonly-nosack", {"delay": 15, "rate": 10, "ab": {"blackout": "0.3:0.8"}}, 900_000, sysctl={"tcp_sack": 0})
    yield scenario("zero-window", {"delay": 15, "rate": 30}, ("connect;send 500000;finish 6000", "sleep 4000;recv 0;finish"))
    yield bulk("reorder-heavy", {"rate": 15, "ab": {"reorder": "0.08:18"}}, 1_500_000)
    yield bulk("reorder-loss", {"rate": 15, "ab": {"reorder": "0.03:6", "loss": .01}}, 1_500_000)
    yield bulk("spurious-rto", {"delay": 15, "rate": 10, "ab": {"stall": "0.5:1.3"}}, 1_500_000)
    yield bulk("nots-loss", {"delay": 25, "rate": 15, "ab": {"loss": .01}}, 1_300_000, sysctl={"tcp_timestamps": 0})
    yield scenario("rr-loss", {"loss": .03}, ("connect;rr 60 200 1200 20;finish", "serve 60 200 1200 2;recv 0;finish"))
    yield scenario("sim-close", {"delay": 50}, ("connect;sleep 300;finish", "sleep 250;finish"))
    yield scenario("sim-open", {"delay": 60}, ("at 300;connect;send 40000;finish", "at 300;connect;recv 0;finish"))
    yield scenario("syn-loss1", {"delay": 15, "rules": ["dir=ab,match=syn,n=1,act=drop"]}, ("connect;send 30000;finish", SINK))
    yield scenario("rst-client", {"rate": 10}, ("connect;send 400000;abort", "recv 0;close"))


def quick():
    want = ("loss1-reno", "tail-loss1", "blackout0.5", "rr-loss", "sim-close")
    return (s for s in like() if s["name"] in want)


# ---------------------------------------------------------------------------------------------------- held out
def log_uniform(rng, lo, hi):
    return lo * (hi / lo) ** rng.random()


DAMAGE = {
    "clean": lambda r, link, d: {},
    "loss": lambda r, link, d: {d: {"loss": round(log_uniform(r, .001, .05), 4)}},
    "loss-both": lambda r, link, d: {"ab": {"loss": round(log_uniform(r, .002, .03), 4)}, "ba": {"loss": round(log_uniform(r, .002, .1), 4)}},
    "preloss": lambda r, link, d: {d: {"preloss": round(log_uniform(r, .003, .02), 4), "loss": .005}},
    "burst": lambda r, link, d: {d: {"ge": f"{r.uniform(.001, .006):.4f}:{r.uniform(.1, .5):.2f}:{r.uniform(.5, 1):.2f}"}},
    "queue": lambda r, link, d: {"qlen": max(6, int(link["rate"] * link["delay"] * 2 / 12 * r.uniform(.4, 2.5)))},
    "reorder": lambda r, link, d: {d: {"reorder": f"{r.uniform(.005, .08):.3f}:{r.uniform(.5, 25):.1f}"}},
    "reorder-loss": lambda r, link, d: {d: {"reorder": f"{r.uniform(.01, .04):.3f}:{r.uniform(.5, 12):.1f}", "loss": .008}},
    "dup": lambda r, link, d: {d: {"dup": f"{r.uniform(.01, .05):.3f}:{r.uniform(0, 5):.1f}", "loss": .004}},
    "jitter": lambda r, link, d: {"jitter": round(link["delay"] * r.uniform(.05, .6), 1), d: {"loss": .005}},
    "ecn": lambda r, link, d: {"qlen": 300, "ceq": r.randint(8, 40)},
    "blackout": lambda r, link, d: {r.choice(("ab", "ba")): {"blackout": f"{r.uniform(.3, .8):.2f}:{r.uniform(.9, 1.8):.2f}"}},
    "stall": lambda r, link, d: {r.choice(("ab", "ba")): {"stall": f"{r.uniform(.3, .7):.2f}:{r.uniform(.9, 1.6):.2f}"}},
}
SETTINGS = ({}, {}, {}, {"tcp_sack": 0}, {"tcp_timestamps": 0}, {"tcp_sack": 0, "tcp_timestamps": 0}, {"tcp_window_scaling": 0}, {"tcp_dsack": 0},
            {"tcp_recovery": 0}, {"tcp_early_retrans": 0}, {"tcp_frto": 0}, {"tcp_no_metrics_save": 1, "tcp_slow_start_after_idle": 0})


def random_path(r, damage):
    link = {"delay": round(log_uniform(r, .5, 150), 1), "rate": round(log_uniform(r, 1.5, 80), 1)}
    link.update(DAMAGE[damage](r, link, r.choice(("ab", "ba")) if damage not in ("loss",) else "ab"))
    if r.random() < .3:
        link["mpos"] = "after"
    elif r.random() < .3:
        link.setdefault("ba", {})["mpos"] = "after"
    return link


def random_bulk(i):
    r = random.Random(f"bulk {i}")
    damage = sorted(DAMAGE)[i % len(DAMAGE)]
    link = random_path(r, damage)
    cc = r.choice(("cubic", "cubic", "reno", "bbr"))
    settings = dict(r.choice(SETTINGS), **({"tcp_ecn": 1} if damage == "ecn" else {}))
    if damage == "queue" and cc == "bbr" and settings.get("tcp_sack") == 0:
        settings = {}
    n = int(min(2_500_000, max(60_000, link["rate"] * 125_000 * r.uniform(1, 3))))
    way = r.choice(("up", "up", "down", "both"))
    conn = {"up": (BULK.format(n), SINK), "down": ("connect;recv 0;finish", f"send {n};finish"),
            "both": (f"connect;spawn send {n};recv {n};join;finish", f"spawn send {n};recv {n};join;finish")}[way]
    if damage in ("loss", "preloss", "burst", "reorder", "reorder-loss", "dup") and way == "down":
        link["ab"], link["ba"] = link.get("ba", {}), link.get("ab", {})
    family = r.choice((4, 4, 4, 6))
    words = "-".join(x[4:].replace("_", "") + str(v) for x, v in settings.items())
    return scenario(f"r{i:02d}-{damage}-{cc}-{way}" + (f"-{words}" if words else ""), link, conn, cc=cc, sysctl=settings, timeout_s=25,
                    mtu=r.choice((1500, 1500, 1500, 1280 if family == 6 else 576, 1280, 9000)), family=family, features=["bottleneck"] if damage in ("queue", "ecn") else [])


def random_chat(i):
    """applications that do not always have something to send"""
    r = random.Random(f"chat {i}")
    link = random_path(r, r.choice(("loss", "loss-both", "burst", "reorder-loss", "dup", "clean")))
    link["delay"] = min(link["delay"], 60)
    kind = ("rr", "chunks", "idle", "many", "big-rr", "thin")[i % 6]
    n, q, a = r.randint(15, 60), r.randint(20, 3000), r.randint(20, 20000)
    chunk, gap = r.randint(1000, 60000), r.randint(5, 120)
    more, conns = {}, None
    if kind == "rr":
        conns = (f"connect;rr {n} {q} {a} {r.randint(0, 30)};finish", f"serve {n} {q} {a} {r.randint(0, 10)};{SINK}")
    elif kind == "big-rr":
        conns = (f"connect;rr 6 {q} 150000 50;finish", f"serve 6 {q} 150000 5;{SINK}")
    elif kind == "chunks":
        conns = (f"connect;send {chunk * 25} {chunk} {gap};finish", SINK)
    elif kind == "idle":
        conns = ("connect;send 300000;sleep 900;send 300000;sleep 400;send 100000;finish", SINK)
    elif kind == "many":
        conns = [(f"at {150 * k};connect;rr 2 {q} {a};finish", f"serve 2 {q} {a};{SINK}") for k in range(8)]
    else:
        conns, more = (f"set thin 1;set nodelay 1;connect;send {n * 90} 90 {gap};finish", SINK), {"sysctl": {"tcp_thin_linear_timeouts": 1}}
    return scenario(f"a{i:02d}-{kind}", link, conns, timeout_s=25, cc=r.choice(("cubic", "cubic", "reno", "bbr")), **more)


def handshakes():
    small = ("connect;send 20000;finish", SINK)
    rules = {"syn2": "dir=ab,match=syn,n=1-2,act=drop", "synack2": "dir=ba,match=synack,n=1-2,act=drop", "ack3": "dir=ab,match=ack3,n=1,act=drop",
             "ack3-data": "dir=ab,match=any,n=2-4,act=drop", "syn-dup": "dir=ab,match=syn,act=dup:3", "synack-dup": "dir=ba,match=synack,act=dup:30",
             "synack-late": "dir=ba,match=synack,n=1,act=hold:1200", "syn-late": "dir=ab,match=syn,n=1,act=hold:1150"}
    for name, rule in rules.items():
        yield scenario("h-" + name, {"rules": [rule], "delay": 12}, small)
    yield scenario("h-ack3-serverspeaks", {"rules": [rules["ack3"]]}, ("connect;recv 9000;finish", "send 9000;recv 0;finish"))
    yield scenario("h-nobody", {}, [("connect", None)], timeout_s=4)
    yield scenario("h-simopen-loss", {"delay": 60, "rules": ["dir=ba,match=synack,n=1,act=drop"]}, ("at 300;connect;send 30000;finish", "at 310;connect;recv 0;finish"))
    yield scenario("h-simopen-v6", {"delay": 40}, ("at 300;connect;send 9000;recv 5000;finish", "at 301;connect;send 5000;recv 0;finish"), family=6)
    yield scenario("h-mss", {"ab": {"loss": .01}}, ("set mss 700;connect;send 400000;finish", SINK))
    yield scenario("h-reuse", {"delay": 8}, [dict(client=c, server=v, lport=40001, rport=5001) for c, v in
                                            ((f"at {300 * k};connect;send {3000 + k};abort", "recv 0;close") for k in range(3))])
    yield scenario("h-reuse-tw", {"delay": 8}, [dict(client=f"at {400 * k};connect;send {3000 + k};finish 300", server=SINK, lport=40001, rport=5001)
                                               for k in range(3)], sysctl={"tcp_tw_reuse": 1})
    yield scenario("h-reuse-tw-server", {"delay": 8}, [dict(client=f"at {500 * k};connect;recv 0;finish", server=f"send {5000 + k};finish", lport=40001, rport=5001)
                                                      for k in range(3)])


def endings():
    talk = "send 200000;recv 0;close"
    yield scenario("e-rst-server", {"rate": 8}, ("connect;recv 0;close", "send 300000;abort"))
    yield scenario("e-rst-early", {}, ("connect;abort", "recv 0;close"))
    yield scenario("e-rst-lost", {"rules": ["dir=ab,match=rst,n=1,act=drop"]}, ("connect;send 30000;sleep 100;abort", "recv 30000;sleep 500;send 2000;recv 0;close"))
    yield scenario("e-close-unread", {}, ("connect;send 60000;sleep 300;close", "sleep 150;close"))
    yield scenario("e-close-while-peer-sends", {"rate": 5}, ("connect;recv 50000;close", "send 400000;finish"))
    yield scenario("e-half-up", {"ab": {"loss": .02}}, ("connect;shutwr;recv 0;closed;close", "recv 0;send 400000;finish"))
    yield scenario("e-half-down", {"ab": {"loss": .02}}, ("connect;send 400000;finish", "shutwr;recv 0;closed;close"))
    yield scenario("e-fin-lost2", {"rules": ["dir=ab,match=fin,n=1-2,act=drop"]}, ("connect;send 20000;finish", SINK))
    yield scenario("e-fin-lost-both", {"rules": ["dir=ab,match=fin,n=1-2,act=drop", "dir=ba,match=fin,n=1-3,act=drop"]}, ("connect;send 20000;finish", "send 9000;recv 0;finish"))
    yield scenario("e-fin-reordered", {"rules": ["dir=ab,match=new,n=12,act=hold:15"]}, ("connect;send 20000;finish", SINK))
    yield scenario("e-lastack", {"delay": 30, "rules": ["dir=ab,match=ack,n=3-5,act=drop"]}, ("connect;recv 0;finish 4000", "send 3000;finish 4000"))
    yield scenario("e-simclose-loss", {"delay": 50, "rules": ["dir=ab,match=fin,n=1,act=drop"]}, ("connect;send 5000;sleep 300;finish", "sleep 250;send 9000;finish"))
    yield scenario("e-simclose-data", {"delay": 30}, ("connect;send 90000;finish", "send 90000;finish"))
    yield scenario("e-peer-dies", {"delay": 10, "rate": 10, "blackout": "0.5:60"}, ("set user_timeout 2500;connect;send 3000000;finish", "set user_timeout 2000;recv 0;close"), timeout_s=7)
    yield scenario("e-peer-dies-idle", {"delay": 10, "blackout": "0.6:60"}, ("set keepalive 1;set keepidle 1;set keepintvl 1;set keepcnt 2;connect;send 900;recv 0;close", "recv 900;sleep 6000;abort"), timeout_s=8)
    yield scenario("e-linger2", {}, ("set linger2 1;connect;send 4000;close", "recv 0;sleep 1800;send 500;close"), timeout_s=6)
    yield scenario("e-abort-in-recovery", {"rate": 6, "ab": {"loss": .03}}, ("connect;send 300000;abort", "recv 0;close"))
    yield scenario("e-abort-in-rto", {"rate": 6, "ab": {"blackout": "0.3:0.9"}}, ("set sndbuf 400000;connect;send 300000;at 750;abort", "recv 0;close"))
    yield scenario("e-tail-syn", {"ab": {"loss": .03}}, (f"connect;{talk}", f"{talk}"))


def timers():
    yield scenario("t-keepalive", {}, ("set keepalive 1;set keepidle 1;set keepintvl 1;set keepcnt 5;connect;send 500;sleep 3600;send 500;finish", SINK))
    yield scenario("t-keepalive-both", {"delay": 35}, ("set keepalive 1;set keepidle 1;set keepintvl 1;connect;send 500;sleep 3300;finish", "set keepalive 1;set keepidle 1;recv 0;finish"))
    yield scenario("t-keepalive-lost", {"ab": {"blackout": "1.5:2.7"}}, ("set keepalive 1;set keepidle 1;set keepintvl 1;connect;send 500;sleep 4300;finish", SINK))
    zero = "connect;send {};finish 5000"
    yield scenario("t-zero1", {"rate": 50, "delay": 5}, (zero.format(300000), "set rcvbuf 20000;sleep 2500;recv 0;finish"))
    yield scenario("t-zero-probes-lost", {"rate": 50, "delay": 25, "ab": {"blackout": "0.8:2.1"}}, (zero.format(400000), "sleep 3200;recv 0;finish"))
    yield scenario("t-zero-acks-lost", {"rate": 50, "delay": 25, "ba": {"blackout": "0.8:2.1"}}, (zero.format(400000), "sleep 3200;recv 0;finish"))
    yield scenario("t-zero-update-lost", {"rate": 50, "delay": 10, "ba": {"blackout": "1.45:1.8"}}, (zero.format(400000), "sleep 1500;recv 0;finish"))
    yield scenario("t-zero-down", {"rate": 30, "delay": 60}, ("connect;sleep 2500;recv 0;finish", "send 600000;finish 5000"))
    yield scenario("t-slow-reader", {"rate": 30, "delay": 10}, (zero.format(500000), "recv 0 16000 60;finish"))
    yield scenario("t-slow-reader-loss", {"rate": 30, "delay": 20, "loss": .01}, (zero.format(400000), "set rcvbuf 30000;recv 0 8000 25;finish"))
    yield scenario("t-slow-bbr", {"rate": 30, "delay": 30, "ab": {"loss": .005}}, (zero.format(700000), "recv 0 20000 40;finish"), cc="bbr")
    yield scenario("t-rwnd", {"rate": 40, "delay": 40, "ab": {"loss": .003}}, (zero.format(900000), "recv 0;finish"), sysctlB={"tcp_rmem": "4096 40000 40000"})
    yield scenario("t-rwnd-clean", {"rate": 40, "delay": 25}, (zero.format(900000), "recv 0;finish"), sysctlB={"tcp_rmem": "4096 60000 60000"})
    yield scenario("t-sndbuf", {"rate": 40, "delay": 25, "ab": {"loss": .003}}, ("set sndbuf 30000;connect;send 900000;finish", SINK))
    yield scenario("t-nodelayed", {"delay": 15}, ("connect;rr 40 1 1 10;finish", f"set quickack 1;serve 40 1 1;{SINK}"))
    yield scenario("t-nagle", {"delay": 15, "ab": {"loss": .02}}, ("connect;send 12000 70 3;finish", SINK))
    yield scenario("t-nodelay", {"delay": 15, "ab": {"loss": .02}}, ("set nodelay 1;connect;send 12000 70 3;finish", SINK))
    for i, rule in enumerate(("n=95,act=drop", "n=90-95,act=drop", "n=80-95,act=drop", "n=95,again=1,act=drop", "n=94-95,again=2,act=drop",
                              "n=60,again=1,act=drop", "n=60,again=3,act=drop", "n=30-60,act=drop", "n=92,act=hold:500")):
        for settings in ({}, {"tcp_sack": 0, "tcp_timestamps": 0}) if i in (1, 3, 6) else ({},):
            name = f"t-tail{i}" + ("-nosack" if settings else "")
            yield bulk(name, {"delay": (8, 25, 70)[i % 3], "rules": ["dir=ab,match=new," + rule]}, 137_000, sysctl=settings)
    yield bulk("t-blackouts", {"rate": 10, "blackout": "0.5:0.9+1.6:2.3+3.0:3.3"}, 2_000_000)
    yield bulk("t-blackouts-reno", {"rate": 10, "ab": {"blackout": "0.5:0.9+1.6:2.3"}}, 1_500_000, cc="reno")
    yield bulk("t-blackout-bbr", {"rate": 10, "ab": {"blackout": "0.8:1.4"}}, 1_500_000, cc="bbr")
    yield bulk("t-blackout-acks-nots", {"rate": 10, "ba": {"blackout": "0.8:1.4"}}, 1_200_000, sysctl={"tcp_timestamps": 0})
    yield bulk("t-blackout-plain", {"rate": 10, "ab": {"blackout": "0.8:1.4"}}, 1_000_000, sysctl={"tcp_timestamps": 0, "tcp_sack": 0})
    yield bulk("t-slower", {"rate": 20, "step": "1:60:3"}, 1_200_000)
    yield bulk("t-route-change", {"rate": 20, "step": "0.8:55:20", "ab": {"loss": .003}}, 2_000_000)
    yield bulk("t-initcwnd", {"rate": 20, "delay": 30, "ab": {"loss": .01}}, 600_000, route="initcwnd 40 initrwnd 60")
    yield bulk("t-initcwnd2", {"rate": 20, "delay": 30, "ab": {"loss": .01}}, 600_000, route="initcwnd 2")
    yield bulk("t-rtomin", {"rate": 20, "delay": 10, "ab": {"blackout": "0.5:0.8"}}, 1_000_000, route="rto_min 60ms")
    yield bulk("t-ackloss", {"rate": 15, "ba": {"loss": .25}, "ab": {"loss": .01}}, 1_500_000)
    yield bulk("t-slow-acks", {"rate": 20, "ba": {"rate": .15, "qlen": 20}, "ab": {"loss": .005}}, 1_500_000)
    yield bulk("t-heavy-loss", {"rate": 10, "delay": 15, "ab": {"loss": .12}}, 250_000)
    yield bulk("t-heavy-loss-nosack", {"rate": 10, "delay": 15, "ab": {"loss": .06}}, 200_000, sysctl={"tcp_sack": 0})
    yield scenario("t-parallel", {"rate": 12, "delay": 12, "qlen": 25}, [(BULK.format(700_000), SINK)] * 3, features=["bottleneck"])
    yield scenario("t-parallel-cc", {"rate": 12, "delay": 12, "qlen": 60}, [("set cc cubic;" + BULK.format(700_000), SINK)] * 2 + [("connect;recv 0;finish", "send 500000;finish")])


def hold():
    for i in range(52):
        yield random_bulk(i)
    for i in range(18):
        yield random_chat(i)
    for part in (handshakes, endings, timers):
        yield from part()


SETS = {"quick": quick, "like": like, "hold": hold}
