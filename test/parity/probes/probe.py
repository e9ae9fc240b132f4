"""The parity suite's probe by Python: its sockets, and glibc's resolver behind them.

It reads lines of an id, a tab, and a question; it writes the answers as JSON.
"""

import errno
import http.client
import json
import os
import socket
import ssl
import stat
import sys
import urllib.request

PATIENCE = 5
CALLED_PATIENCE = 15
TOKENS = "/var/run/secrets/kubernetes.io/serviceaccount/"


def split(address):
    host, port = address.rsplit(":", 1)
    return host.strip("[]"), int(port)


def own_address():
    """The address by which everything else is reached."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect((os.environ["KUBERNETES_SERVICE_HOST"], 443))
        return s.getsockname()[0]


def own_address6():
    """The addresses of a family are in /proc: address, index, length, scope, flags, link."""
    with open("/proc/net/if_inet6", encoding="ascii") as f:
        own = [line.split()[0] for line in f if line.split()[3] == "00"]
    return "\n".join(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(a)) for a in own)


def listing(path):
    lines = []
    for name in sorted(os.listdir(path)):
        full = os.path.join(path, name)
        lines.append(name + " -> " + os.readlink(full) if os.path.islink(full) else name)
    return "\n".join(lines)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def write(path):
    with open(path, "a", encoding="utf-8"):
        return "can be written"


def create(folder):
    path = os.path.join(folder, "kubetunnel-parity-py")
    with open(path, "w", encoding="utf-8") as f:
        f.write("made")
    made = read(path)
    os.remove(path)
    return made


def lookup(name):
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return "\n".join(sorted({a[4][0] for a in found}))


def talk(address, line=b"who\n"):
    with socket.create_connection(split(address), PATIENCE) as s:
        s.sendall(line)
        return s.recv(1500).decode().strip()


def half_close(address):
    with socket.create_connection(split(address), PATIENCE) as s:
        s.sendall(b"count\n" + b"x" * 1000)
        s.shutdown(socket.SHUT_WR)
        return s.makefile("rb").read().decode()


def receive(address):
    with socket.create_connection(split(address), PATIENCE) as s:
        s.sendall(b"go\n")
        count = 0
        try:
            while block := s.recv(1 << 16):
                count += len(block)
        except OSError as e:
            return f"{count} bytes, then {name_of(e)}"
        return f"{count} bytes, then EOF"


def udp(address):
    family = socket.AF_INET6 if address.startswith("[") else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(PATIENCE)
        s.connect(split(address))
        s.send(b"who\n")
        return s.recv(1500).decode()


def bind(address):
    host, port = split(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    s = socket.socket(family, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        s.bind((host, port))
        s.listen()
    except OSError:
        s.close()
        raise
    return s


def listening(address):
    bind(address).close()
    return "listening"


def called(address):
    with bind(address) as server:
        server.settimeout(CALLED_PATIENCE)
        while True:
            try:
                conn, caller = server.accept()
            except TimeoutError:
                return "nobody has called"
            with conn:
                conn.settimeout(PATIENCE)
                try:
                    line = conn.recv(100)
                    conn.sendall(b"seen\n")
                except OSError:
                    continue
                if line.strip() == b"caller":
                    return "from " + caller[0]


def api(path):
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], int(os.environ["KUBERNETES_SERVICE_PORT"])
    context = ssl.create_default_context(cafile=TOKENS + "ca.crt")
    connection = http.client.HTTPSConnection(host, port, context=context, timeout=2 * PATIENCE)
    connection.request("GET", path, headers={"Authorization": "Bearer " + read(TOKENS + "token")})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return str(answer.status)


def ends(address, end):
    with socket.create_connection(split(address), PATIENCE) as s:
        return getattr(s, end)()[0]


def proxies():
    return "\n".join(sorted(f"{k} {v}" for k, v in urllib.request.getproxies().items())) or "none"


VERBS = {
    "env": lambda name: os.environ.get(name, "not set"),
    "hostname": socket.gethostname,
    "address": own_address,
    "address6": own_address6,
    "fqdn": socket.getfqdn,
    "ls": listing,
    "read": read,
    "write": write,
    "create": create,
    "mode": lambda path: stat.filemode(os.stat(path).st_mode),
    "lookup": lookup,
    "lookupcname": lambda name: socket.gethostbyname_ex(name)[0],
    "lookupaddr": lambda address: socket.gethostbyaddr(address)[0],
    "connect": lambda address: socket.create_connection(split(address), PATIENCE).close() or "connected",
    "whoami": talk,
    "local": lambda address: ends(address, "getsockname"),
    "remote": lambda address: ends(address, "getpeername"),
    "halfclose": half_close,
    "receive": receive,
    "udpwhoami": udp,
    "bind": listening,
    "called": called,
    "proxies": proxies,
    "api": api,
}


def name_of(error):
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, socket.gaierror | socket.herror):
        return error.strerror
    if isinstance(error, OSError) and error.errno:
        return errno.errorcode.get(error.errno, str(error))
    return repr(error)


def answer(question):
    own = {"{own.ip}": own_address, "{hostname}": socket.gethostname}
    for name, value in own.items():
        if name in question:
            question = question.replace(name, value())
    verb, *args = question.split()
    if verb not in VERBS:
        return "this probe does not know the question"
    try:
        return VERBS[verb](*args).rstrip("\n")
    except Exception as e:  # whatever it is, it is the answer
        return "error: " + name_of(e)


def main():
    lines = (line.rstrip("\n").split("\t", 1) for line in sys.stdin)
    print(json.dumps({name: answer(question) for name, question in lines}))


main()
