"""`lastunit ca`: the certificate authority, codes for new boxes, the register, and the broker's files."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lastunit.commands.gateway import ConfigFile, DatabaseUrl
from lastunit.commands.keys import clock_us, written
from lastunit.commands.mend import complain, mendable

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from gateway.enrol.ca_files import Issuer
    from gateway.enrol.register import Entry

app = typer.Typer(
    no_args_is_help=True,
    help="Who may talk to the broker: certificates of edges, gateways and channels (docs/identity.md).",
)

AuthorityDir = Annotated[Path, typer.Argument(metavar="DIR", help="Directory of the authority, as `ca init` made it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new directory.")],
    broker_name: Annotated[
        list[str], typer.Option(help="Host name or address of the broker, as edges call it; may stand several times.")
    ],
    name: Annotated[str, typer.Option(help="What the authority is called in certificates.")] = "Last Unit",
) -> None:
    """Make a certificate authority: a root, the gateway's issuing authority, certificates of the broker and a gateway.

    Then take the directory `root` off this machine: whoever has it can make anybody. Nothing is ever overwritten.

        lastunit ca init /etc/lastunit/ca --broker-name mqtt.example.com --broker-name 10.0.0.5
    """
    from gateway.enrol.authority import make_issuing, make_root
    from gateway.enrol.ca_files import ROOT, check_empty, write_authority
    from gateway.enrol.desk import new_serial
    from wire.topics import check_id

    now_us = clock_us()
    with mendable(ValueError):
        check_id("name", name.replace(" ", "-"))
        check_empty(folder)
        root = make_root(name, new_serial(), now_us)
        issuer = write_authority(folder, root, make_issuing(name, root, new_serial(), now_us))
        _new_broker(folder, issuer, broker_name, now_us)
        _new_gateway(folder, issuer, "main", now_us)
    print(f"{folder} holds a new authority, good for {', '.join(broker_name)}")
    print(f"Take {folder / ROOT.parent} off this machine now: it is needed for a new issuing authority only.")
    print(
        f"Next: `ca_dir: {folder}` in gateway.yaml, and lastunit ca broker {folder} --out BROKER_DIR", file=sys.stderr
    )


@app.command()
def code(
    site: Annotated[str, typer.Option(help="The site that the box stands in.")],
    edge: Annotated[str, typer.Option(help="Which edge of the site it is, as the site file calls it.")],
    config: ConfigFile = None,
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Make a code of seven groups, good for a quarter of an hour and for one box.

    At the box: `lastunit enroll URL --code CODE --out DIR`. A new code of the same edge ends the one before. What the
    box already has stays good: `lastunit ca revoke` ends that.

        lastunit ca code --site store-001 --edge box-1
    """
    import secrets

    import msgspec

    from gateway.clock import iso
    from gateway.enrol.codes import open_code
    from wire.enrolment import ENTROPY_BYTES, mint_code

    now_us = clock_us()
    made = mint_code(secrets.token_bytes(ENTROPY_BYTES))

    async def work(connection: "AsyncConnection") -> int:
        return await open_code(connection, made, site, edge, "", now_us)

    expires_us = written(config, database, work, writes=True)
    if as_json:
        told = {"code": made.shown(), "site": site, "edge": edge, "expires_at": iso(expires_us)}
        print(msgspec.json.encode(told).decode())
        return
    print(f"At the box that becomes edge {edge} of site {site}, within a quarter of an hour:", file=sys.stderr)
    print(made.shown())
    print("lastunit enroll http://GATEWAY:8080 --code CODE --out /var/lib/lastunit/identity", file=sys.stderr)


@app.command()
def issue(
    kind: Annotated[str, typer.Argument(help="gateway or channel.")],
    name: Annotated[str, typer.Argument(help="Which: a name of the gateway's process, or the channel's.")],
    folder: AuthorityDir,
    out: Annotated[Path, typer.Option(help="A new file: key and certificate in one.")],
    config: ConfigFile = None,
    database: DatabaseUrl = None,
) -> None:
    """Make the certificate of one more gateway, or of a channel that reads its stock at the broker.

    Each process gets its own: the broker takes a certificate for the client, and a second one with the same certificate
    ends the first one's connection. The file belongs to whoever is to use it; DIR/ca.pem goes with it.

        lastunit ca issue channel web /etc/lastunit/ca --out web.pem
    """
    from gateway.enrol import authority as ca
    from gateway.enrol.ca_files import read_issuer, write_secret
    from gateway.enrol.desk import new_serial
    from gateway.enrol.register import record
    from gateway.storage.errors import StorageError
    from wire.identity import Kind, Principal

    if kind not in {"gateway", "channel"}:
        raise complain(f"{kind!r}: expected gateway or channel; edges get theirs by `lastunit ca code`")
    now_us = clock_us()
    with mendable(StorageError):
        if out.exists():
            raise complain(f"{out} is there: nothing is overwritten; name a new file")
        principal = Principal(Kind(kind), name)
        issuer, key = read_issuer(folder), ca.new_key()
        made = ca.issue(issuer.authority, principal, key.public_key(), new_serial(), now_us)

        async def work(connection: "AsyncConnection") -> None:
            await record(connection, made, principal, "", now_us)

        written(config, database, work, writes=True)
        write_secret(out, ca.key_pem(key) + issuer.chain(made))
    print(f"{out} is {principal}, until {_day(ca.span_us(made)[1])}")


@app.command("list")
def list_(
    site: Annotated[str | None, typer.Option(help="Only edges of this site.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also what is over or revoked.")] = False,
    config: ConfigFile = None,
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Show the certificates, the newest first, at most 1,000. Exit code 1: one of them ends within 30 days.

    lastunit ca list --site store-001
    """
    import msgspec

    from gateway.clock import iso, iso_or_none
    from gateway.enrol.limits import EXPIRES_SOON_S
    from gateway.enrol.register import list_page

    now_us = clock_us()

    async def work(connection: "AsyncConnection") -> "list[Entry]":
        return await list_page(connection, site)

    found = [entry for entry in written(config, database, work, writes=False) if every or entry.is_good(now_us)]
    soon_us = now_us + EXPIRES_SOON_S * 1_000_000
    ending = 0
    newest: set[str] = set()
    for entry in found:
        whose = str(entry.principal)
        follows = entry.is_good(now_us) and whose in newest  # it is replaced already: its end harms nobody
        if entry.is_good(now_us):
            newest.add(whose)
        state = _state(entry, now_us, soon_us, replaced=follows)
        ending += state == "ends soon"
        if as_json:
            row = {"serial": entry.serial, "kind": entry.principal.kind.value, "name": entry.principal.name or None}
            row |= {"site": entry.principal.site or None, "edge": entry.principal.edge or None, "state": state}
            row |= {"not_after": iso(entry.not_after_us), "revoked_at": iso_or_none(entry.revoked_us)}
            print(msgspec.json.encode(row).decode())
        else:
            print(f"{entry.serial}  {_day(entry.not_after_us)}  {state:9}  {whose}")
    if not found and not as_json:
        print("no certificates", file=sys.stderr)
    if ending:
        raise typer.Exit(1)


@app.command()
def revoke(
    serials: Annotated[list[str] | None, typer.Argument(help="Serial numbers, or how they begin.")] = None,
    edge: Annotated[str | None, typer.Option(help="SITE/EDGE: all certificates of this edge.")] = None,
    config: ConfigFile = None,
    database: DatabaseUrl = None,
) -> None:
    """End certificates before their time: of a box that was stolen, or replaced.

    The gateway writes the broker's files within seconds (`broker_files_dir`), or `lastunit ca broker` does. Once the
    broker has read them again the certificate can neither publish nor receive, and not connect.

        lastunit ca revoke 3f5a90c1

        lastunit ca revoke --edge store-001/box-1
    """
    from gateway.enrol import register
    from gateway.enrol.errors import UnknownCertificateError
    from wire.identity import Kind, Principal

    if bool(serials) == (edge is not None):
        raise complain("say which: serial numbers, or --edge SITE/EDGE")
    now_us = clock_us()
    with mendable():
        site, _, box = (edge or "").partition("/")
        principal = None if edge is None else Principal(Kind.EDGE, site=site, edge=box)

    async def work(connection: "AsyncConnection") -> "tuple[list[Entry], list[Entry]]":
        if principal is not None:
            names = [entry.serial for entry in await register.good_of(connection, principal, now_us)]
            if not names:
                raise UnknownCertificateError(edge or "")
        else:
            names = [await register.named(connection, text) for text in serials or []]
        done = await register.revoke(connection, names, "", now_us)
        left: list[Entry] = []
        for whose in dict.fromkeys(entry.principal for entry in done):
            left += await register.good_of(connection, whose, now_us)
        return done, left

    done, left = written(config, database, work, writes=True)
    for entry in done:
        print(f"revoked {entry.serial}, {entry.principal}")
    for entry in left:
        print(f"still good: {entry.serial}, {entry.principal}, until {_day(entry.not_after_us)}", file=sys.stderr)
    print("It counts when the broker has read its files again (docs/identity.md).", file=sys.stderr)


@app.command()
def renew(
    folder: AuthorityDir,
    what: Annotated[str, typer.Argument(help="broker, or gateway.")],
    name: Annotated[str, typer.Option(help="Which gateway.")] = "main",
    broker_name: Annotated[
        list[str] | None, typer.Option(help="New names of the broker; those of before without it.")
    ] = None,
) -> None:
    """Replace the broker's certificate, or a gateway's, by a new one with a new key. Edges do it by `lastunit enroll`.

    Then: `lastunit ca broker` and a reload of the broker; a gateway is started again.

        lastunit ca renew /etc/lastunit/ca broker
    """
    from gateway.enrol.ca_files import SERVER, read_certificate, read_issuer

    now_us = clock_us()
    with mendable(ValueError):
        issuer = read_issuer(folder)
        if what == "broker":
            names = broker_name or _names_of(read_certificate(folder / SERVER))
            ends_us = _new_broker(folder, issuer, names, now_us)
        elif what == "gateway":
            ends_us = _new_gateway(folder, issuer, name, now_us)
        else:
            raise complain(f"{what!r}: expected broker or gateway")
    print(f"renewed until {_day(ends_us)}")


@app.command()
def broker(
    folder: AuthorityDir,
    out: Annotated[Path, typer.Option(help="Directory of the broker's files; made when it is not there.")],
    path: Annotated[
        str | None, typer.Option(help="Where the broker sees that directory, such as inside a container; --out itself.")
    ] = None,
    data: Annotated[str, typer.Option(help="Where the broker keeps what it retains.")] = "/var/lib/mosquitto",
    address: Annotated[str, typer.Option(help="Address that it listens on; all without it.")] = "",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Its port.")] = 8_883,
    user: Annotated[str, typer.Option(help="User that it becomes when it is started as root.")] = "mosquitto",
    config: ConfigFile = None,
    database: DatabaseUrl = None,
) -> None:
    """Write Mosquitto's files from the register: mutual TLS only, one ACL block for each certificate that is good.

    mosquitto.conf, acl, crl.pem, clients-ca.pem, server.pem and server.key, which belongs to the broker alone. Write
    them again after each change, or let the gateway do so (`broker_files_dir`); then SIGHUP, or a restart after a
    change of mosquitto.conf.

        lastunit ca broker /etc/lastunit/ca --out /etc/mosquitto/lastunit --config gateway.yaml
    """
    from gateway.enrol import authority as ca
    from gateway.enrol import broker_files as files
    from gateway.enrol import ca_files as kept
    from gateway.enrol.broker_writer import BrokerAccess, listed, read_access, write_access
    from gateway.enrol.register import keep_revoked, record_own

    now_us = clock_us()
    with mendable():
        issuer, own = kept.read_issuer(folder), list(kept.own_certificates(folder))
        listening = files.Listening(path or str(out.absolute()), data, address, port, user)

        async def work(connection: "AsyncConnection") -> BrokerAccess:
            await record_own(connection, own, now_us)
            await keep_revoked(connection, listed(out, issuer) or (), now_us)
            return await read_access(connection, issuer, now_us)

        access = written(config, database, work, writes=True)
        out.mkdir(parents=True, exist_ok=True)
        kept.write_open(out / files.CONFIGURATION, files.configuration_text(listening))
        both = ca.certificate_pem(issuer.root, issuer.authority.certificate)
        kept.write_open(out / files.CLIENTS_CA, both)
        kept.write_open(out / files.SERVER, (folder / kept.SERVER).read_text(encoding="ascii"))
        kept.write_secret(out / files.SERVER_KEY, (folder / kept.SERVER_KEY).read_text(encoding="ascii"))
        write_access(out, access, issuer)
    blocks = access.acl.count("\nuser ")
    print(f"{out}: {blocks:,} certificates may come in, {len(access.revoked):,} are revoked")
    print(f"{out / files.SERVER_KEY} must be readable by the user {user} alone.", file=sys.stderr)


def _new_broker(folder: Path, issuer: "Issuer", names: list[str], now_us: int) -> int:
    from gateway.enrol import authority as ca
    from gateway.enrol import ca_files as kept
    from gateway.enrol.desk import new_serial

    key = ca.new_key()
    made = ca.issue_broker(issuer.authority, names, key.public_key(), new_serial(), now_us)
    kept.write_secret(folder / kept.SERVER_KEY, ca.key_pem(key))
    kept.write_open(folder / kept.SERVER, issuer.chain(made))
    return ca.span_us(made)[1]


def _new_gateway(folder: Path, issuer: "Issuer", name: str, now_us: int) -> int:
    from gateway.enrol import authority as ca
    from gateway.enrol import ca_files as kept
    from gateway.enrol.desk import new_serial
    from wire.identity import Kind, Principal

    key, principal = ca.new_key(), Principal(Kind.GATEWAY, name)
    made = ca.issue(issuer.authority, principal, key.public_key(), new_serial(), now_us)
    kept.write_secret(folder / kept.GATEWAYS / f"{name}.pem", ca.key_pem(key) + issuer.chain(made))
    return ca.span_us(made)[1]


def _names_of(certificate: object) -> list[str]:
    from cryptography import x509

    assert isinstance(certificate, x509.Certificate)
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(one.value) for one in found]


def _state(entry: "Entry", now_us: int, soon_us: int, *, replaced: bool) -> str:
    if entry.revoked_us is not None:
        return "revoked"
    if entry.not_after_us <= now_us:
        return "over"
    if replaced:
        return "replaced"
    return "ends soon" if entry.not_after_us < soon_us else "good"


def _day(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).strftime("%Y-%m-%d")
