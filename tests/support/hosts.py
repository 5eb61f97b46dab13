"""Hosts on one machine: network namespaces joined by a bridge.

A test program that calls isolate() first runs in namespaces of its own, and whatever it starts ends with it. Run as a
program, this tells by its exit status whether that is possible here, or does what main() says.
"""

import os
import shlex
import subprocess
import sys
import tempfile

ISOLATED = "SLIPWAY_TEST_ISOLATED"


def isolate():
    """Starts the program again as the first process of namespaces of its own: for processes, mounts and networks."""
    if os.environ.get(ISOLATED) == str(os.getpid()):
        return
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    os.execvpe("unshare", ["unshare", *user, "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
                           sys.executable, *sys.argv], {**os.environ, ISOLATED: "1"})


def run(*command):
    subprocess.run(command, check=True)


class Hosts:
    """host1, host2, ...: each with a network, a name and one link to the bridge, but with the files of all."""

    def __init__(self, count):
        self.names = [f"host{number}" for number in range(1, count + 1)]
        self.files = tempfile.TemporaryDirectory(prefix="hosts_")
        run("mount", "-t", "tmpfs", "tmpfs", "/run")  # for `ip netns`
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "bridge", "type", "bridge")
        run("ip", "link", "set", "bridge", "up")
        addresses = ["127.0.0.1 localhost"]
        for number, name in enumerate(self.names, 1):
            addresses.append(f"10.0.0.{number} {name}")
            run("ip", "netns", "add", name)
            run("ip", "link", "add", name, "type", "veth", "peer", "name", "net0", "netns", name)
            run("ip", "link", "set", name, "master", "bridge", "up")
            run("ip", "-n", name, "address", "add", f"10.0.0.{number}/24", "dev", "net0")
            run("ip", "-n", name, "link", "set", "net0", "up")
            run("ip", "-n", name, "link", "set", "lo", "up")
        run("mount", "--bind", self.write("hosts", "\n".join(addresses) + "\n"), "/etc/hosts")
        self.agent = self.write("agent", '#!/bin/sh\nexport HOST_OF_THIS_TEST=$1\nshift\n'
                                    'exec ip netns exec $HOST_OF_THIS_TEST unshare --uts '
                                    'sh -c "hostname $HOST_OF_THIS_TEST; $*"\n')
        os.chmod(self.agent, 0o755)
        # Open MPI reaches other hosts by this command in place of ssh, and speaks TCP between them.
        self.environment = {
            **os.environ,
            "OMPI_MCA_plm_rsh_agent": self.agent,
            "OMPI_MCA_orte_default_hostfile": self.write("hostfile", "".join(f"{name} slots=1\n" for name in self.names)),
            "OMPI_MCA_orte_tmpdir_base": self.files.name,
            "OMPI_MCA_btl": "tcp,self",
            "OMPI_MCA_btl_tcp_if_include": "net0",
            "OMPI_MCA_oob_tcp_if_include": "net0",
        }

    def write(self, name, contents):
        path = os.path.join(self.files.name, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(contents)
        return path

    def start(self, command, environment={}, **options):
        """Starts a command on the first host, with variables besides those that all have."""
        return subprocess.Popen([self.agent, self.names[0], "exec " + shlex.join(command)],
                                env={**self.environment, **environment}, **options)

    def cut(self, name):
        run("ip", "link", "set", name, "down")

    def mend(self, name):
        run("ip", "link", "set", name, "up")

    def send_again(self, times):
        """How often hosts but the first do before they take a link for broken; Linux does 15 times."""
        for name in self.names[1:]:
            run("ip", "netns", "exec", name, "sh", "-c", f"echo {times} > /proc/sys/net/ipv4/tcp_retries2")

    def slow(self, name, rate):
        """Lets bytes to and from a host pass at this rate only: "100mbit"."""
        limit = ["root", "tbf", "rate", rate, "burst", "64kb", "latency", "50ms"]
        run("tc", "qdisc", "add", "dev", name, *limit)
        run("ip", "netns", "exec", name, "tc", "qdisc", "add", "dev", "net0", *limit)

    def release(self, name):
        """The contrary of slow()."""
        run("tc", "qdisc", "delete", "dev", name, "root")
        run("ip", "netns", "exec", name, "tc", "qdisc", "delete", "dev", "net0", "root")


def processes():
    """The command lines of all that there are besides this one, where that is isolated."""
    found = {}
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/cmdline", encoding="utf-8", errors="replace") as file:
                command = file.read().replace("\0", " ")
        except OSError:
            continue
        if int(process) != os.getpid() and command:  # not what has ended already
            found[int(process)] = command
    return found


def main(arguments):
    """COUNT RATE COMMAND ...: runs a command on the first of so many hosts, to all of which bytes pass at this rate only."""
    isolate()
    if not arguments:
        hosts = Hosts(2)
        hosts.slow("host2", "100mbit")
        hosts.cut("host2")
        return hosts.start(["true"]).wait()
    hosts = Hosts(int(arguments[0]))
    for name in hosts.names:
        hosts.slow(name, arguments[1])
    return hosts.start(arguments[2:]).wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
