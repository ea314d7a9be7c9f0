"""The stack as an object: starts its servers, knows their addresses, makes them fail on demand, and ends them."""

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from stack.certificates import make_certificates
from stack.example import EXAMPLE_CONFIG, ROOT
from stack.guard import start_guard
from stack.identity.people import token_of
from stack.identity.tokens import IdentityHeader, load_signer
from stack.processes import (
    RunningServer,
    StackError,
    end,
    falls_silent,
    free_range,
    send,
    spawn,
    wait_until,
)
from stack.record import RECORDS, layout_of, recorded
from stack.services import SERVICES, STORES
from stack.site import Site, sample_settings, shell_lines


class Stack:
    """Servers on this machine; as a context manager it ends every one of them, whatever happens inside.

    They end even if this process is killed: a guard waits for that. Servers of a mere `up()` outlive it on purpose.

    `with Stack(tmp_path, services=STORES) as stack: … stack.env, stack.url("redis"), stack.kill("cosmos")`
    """

    def __init__(
        self,
        state: Path | str | None = None,
        *,
        services: Iterable[str] = STORES,
        in_memory: bool = True,
        ports: Mapping[str, int] | None = None,
        app: Path | str = ROOT,
        config: Path = EXAMPLE_CONFIG,
        timers: bool = False,
        event_grid_rate: float = 1.0,
        extra_env: Mapping[str, str] | None = None,
        certs: Path | None = None,
        beside: "Stack | None" = None,
    ) -> None:
        """Lay the stack out; nothing is started before `up()` or `with`.

        `config` says which gateways and accounts there are; by default the example company's.
        `beside` is a running stack whose servers these use: `Stack(services=["functions"], beside=stores)`.
        `event_grid_rate` makes the topic's clock, by which it repeats deliveries, run faster than the machine's.
        `certs` is where the certificates are, or will be; without it they are made in the state directory.
        """
        self.names = _known(services)
        self.extra_env = dict(extra_env or {})
        self._beside = beside
        self._temporary = tempfile.TemporaryDirectory(prefix="chargeback-stack-") if state is None else None
        directory = Path(self._temporary.name if self._temporary else str(state)).resolve()
        certs = beside.site.signing_key.parent if beside else certs or directory / "certs"
        self.site: Site = Site(
            state=directory,
            app=Path(app).resolve(),
            config=config.resolve(),
            ports=_ports(self.names, ports or {}, config),
            certificates=make_certificates(certs),
            signing_key=certs / "signing-key.pem",
            in_memory=in_memory,
            timers=timers,
            event_grid_rate=event_grid_rate,
            **_shared_keys(beside),
        )
        load_signer(self.site.signing_key)
        self._running: dict[str, RunningServer] = {}
        self._guard: subprocess.Popen[bytes] | None = None

    @classmethod
    def found_in(cls, state: Path) -> Self:
        """Return the stack of DIR/stack.json with its ports, keys and settings; some of its servers may have ended."""
        document = layout_of(state)
        site = Site.from_document(document["site"])
        certs = site.signing_key.parent
        stack = cls(site.state, services=site.ports, ports=site.ports, certs=certs, extra_env=document["extra_env"])
        stack.site = site
        stack._running = recorded(state)
        return stack

    @property
    def missing(self) -> list[str]:
        """The servers that do not run."""
        return [name for name in self.names if name not in self._running or not self._running[name].alive]

    @property
    def env(self) -> dict[str, str]:
        """The settings with which the product finds these servers."""
        return {**(self._beside.env if self._beside else {}), **self.site.environment(self.names)}

    def url(self, name: str) -> str:
        """Return the address of a server."""
        return self.site.url(_known([name])[0])

    @contextmanager
    def acting_as(self, principal: str) -> Iterator[None]:
        """Inside, `DefaultAzureCredential` of this process is that principal of roles.bicep, not the functions."""
        with self._with_header(IdentityHeader(IdentityHeader.of(self.env["IDENTITY_HEADER"]).secret, principal)):
            yield

    @contextmanager
    def signed_in_as(self, person: str) -> Iterator[None]:
        """Inside, this person of `stack.identity.people` sits at the terminal of this process; empty: nobody."""
        with self._with_header(IdentityHeader(IdentityHeader.of(self.env["IDENTITY_HEADER"]).secret, person=person)):
            yield

    @contextmanager
    def _with_header(self, header: IdentityHeader) -> Iterator[None]:
        mine = os.environ.get("IDENTITY_HEADER")
        os.environ["IDENTITY_HEADER"] = str(header)
        try:
            yield
        finally:
            os.environ.pop("IDENTITY_HEADER") if mine is None else os.environ.update(IDENTITY_HEADER=mine)

    def token_of(self, person: str, **claims: Any) -> str:
        """Return the token with which a person of `stack.identity.people` asks; `claims` are added or replaced."""
        return token_of(person, load_signer(self.site.signing_key), self.env["ENTRA_AUTHORITY"], **claims)

    def pid(self, name: str) -> int:
        """Return the process id of a server."""
        return self._running[name].pid

    def up(self) -> None:
        """Start every server that does not run and wait until each is ready; on failure end those that were started."""
        missing = self.missing
        others = set(self.names).difference(missing)
        try:
            self._write()
            for name in missing:
                for earlier in SERVICES[name].after:
                    if earlier in self.names:
                        self._await(earlier)
                self._spawn(name)
                self._write()
            for name in missing:
                self._await(name)
            with ThreadPoolExecutor() as pool:
                list(pool.map(self._provision, missing))
        except BaseException:
            if others:
                end(self._running[name] for name in reversed(missing) if name in self._running)
            else:
                for name in RECORDS:
                    (self.site.state / name).unlink(missing_ok=True)
                self.down()
            raise
        self._write()

    def down(self) -> None:
        """End every server that this object started."""
        end(reversed(self._running.values()))
        self._running.clear()
        if self._temporary:
            self._temporary.cleanup()

    def kill(self, name: str) -> None:
        """End one server at once (SIGKILL), as a crash does; `start` brings it back on the same port."""
        end([self._running.pop(name)], force=True)

    def stop(self, name: str) -> None:
        """End one server in good order, so that Azurite writes its index, which it does every 5 s only."""
        end([self._running.pop(name)])

    def start(self, name: str) -> None:
        """Start one server again on its port and wait until it is ready."""
        if name in self._running and self._running[name].alive:
            raise StackError(f"{name} is already running")
        self._spawn(name)
        self._await(name)
        self._provision(name)
        self._write()

    def pause(self, name: str) -> None:
        """Freeze one server (SIGSTOP): it is reached and never answers, as in a network outage."""
        send(self._running[name], signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let a frozen server go on."""
        send(self._running[name], signal.SIGCONT)

    def _spawn(self, name: str) -> None:
        # The servers must not inherit another stack's settings from the caller's environment.
        defaults = sample_settings(self.site.app) if name == "functions" else {}
        environment = {**defaults, **os.environ, "PYTHONUNBUFFERED": "1", **self.env, **self.extra_env}
        if "IDENTITY_HEADER" in environment:  # nobody sits at a server
            environment["IDENTITY_HEADER"] = IdentityHeader.of(environment["IDENTITY_HEADER"]).secret
        directory = self.site.app if name == "functions" else ROOT
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        if not falls_silent(self.site.ports[name]):
            raise StackError(f"{name}: port {self.site.ports[name]} is taken by another program")
        command = SERVICES[name].command(self.site)
        self._running[name] = spawn(command, self.site.log(name), environment, directory, self.url(name))

    def _await(self, name: str) -> None:
        wait_until(lambda: SERVICES[name].ready(self.site), self._running[name], name, self.site.log(name))

    def _provision(self, name: str) -> None:
        service = SERVICES[name]
        if service.provision and all(other in self._running for other in service.provision_needs):
            service.provision(self.site)

    def _write(self) -> None:
        document = {
            "started": time.time(),
            "services": {name: server.to_document() for name, server in self._running.items()},
            "env": self.env,
            "layout": {"site": self.site.to_document(), "extra_env": self.extra_env},
        }
        (self.site.state / "stack.env").write_text(shell_lines(self.env))
        half = self.site.state / "stack.json.new"
        half.write_text(json.dumps(document, indent=2) + "\n")
        half.replace(self.site.state / "stack.json")  # a guard reads it at any time, and reads all of it

    def __enter__(self) -> Self:
        """Start the servers, and what ends them if this process no longer can."""
        self._guard = start_guard(self.site.state)
        try:
            self.up()
        except BaseException:
            self._dismiss_guard()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the servers."""
        try:
            self.down()
        finally:
            self._dismiss_guard()

    def _dismiss_guard(self) -> None:
        assert self._guard is not None
        with self._guard:
            self._guard.kill()


def _shared_keys(beside: "Stack | None") -> dict[str, str]:
    return {name: getattr(beside.site, name) for name in ("events_key", "page_session_key")} if beside else {}


def _known(names: Iterable[str]) -> tuple[str, ...]:
    chosen = list(names)
    strange = [name for name in chosen if name not in SERVICES]
    if strange:
        raise StackError(f"unknown server {', '.join(strange)}; known: {', '.join(SERVICES)}")
    return tuple(name for name in SERVICES if name in chosen)


def _ports(names: tuple[str, ...], wanted: Mapping[str, int], config: Path) -> dict[str, int]:
    _known(wanted)
    return {name: wanted.get(name) or free_range(SERVICES[name].span(config)) for name in names}
