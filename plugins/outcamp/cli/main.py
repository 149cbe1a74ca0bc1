"""The command ``outcamp``: finds the verb, runs it, and turns errors into text and exit codes."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, cast

from outcamp import __version__
from outcamp.core.errors import NotSupportedYet, OutcampError, UsageError, closest

FINE: Final = 0
FINDINGS: Final = 1
WRONG_USE: Final = 2
INTERRUPTED: Final = 130


class VerbModule(Protocol):
    """What a verb's module has."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments of the verb."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it and return the exit code."""


@dataclass(frozen=True)
class Verb:
    """A verb of the command: its line in the help, and the module that does it."""

    does: str
    module: str


# The modules are imported when their verb is called: `outcamp --help` loads none of them.
VERBS: Final = {
    "validate": Verb("check campaign files and what they name", "outcamp.cli.validate"),
    "review": Verb("show what publishing would do", "outcamp.cli.review"),
    "publish": Verb("freeze a draft into its manifest", "outcamp.cli.publish"),
    "status": Verb("show states, next waves and funnels", "outcamp.cli.status"),
    "explain": Verb("tell one recipient's history in a campaign", "outcamp.cli.explain"),
    "simulate": Verb("run a whole campaign on a virtual clock", "outcamp.cli.simulate"),
    "stop": Verb("end a campaign for good", "outcamp.cli.stop"),
    "delete": Verb("end a campaign and take its manifest away", "outcamp.cli.delete"),
    "resume": Verb("lift a breaker or an error", "outcamp.cli.resume"),
    "preview": Verb("show the message that a recipient would get", "outcamp.cli.preview"),
    "test": Verb("send one message to an address of your own", "outcamp.dag.trial"),
    "resolve": Verb("list attempts whose submission is unknown, and settle them", "outcamp.cli.resolve"),
    "ingest": Verb("take in dispositions from files", "outcamp.cli.ingest"),
    "push": Verb("hand recipients to an external campaign", "outcamp.cli.push"),
    "suppress": Verb("keep the do-not-contact list", "outcamp.cli.suppress"),
    "audit": Verb("check the books against each other", "outcamp.cli.audit"),
    "erase": Verb("remove a person from the books", "outcamp.cli.erase"),
    "import": Verb("turn another system's campaign into a campaign file", "outcamp.cli.import_"),
    "schema": Verb("print the JSON Schema of the campaign file", "outcamp.cli.schema"),
    "demo": Verb("run one campaign from start to end in an embedded deployment", "outcamp.cli.demo"),
    "up": Verb("keep an embedded deployment running", "outcamp.cli.up"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code: 0 fine, 1 findings or a failure, 2 wrong use."""
    words = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in words
    try:
        _refuse_undecodable(words)
        code = _run(words)
        sys.stdout.flush()  # here, where a reader who has gone away is noticed
    except OutcampError as error:
        if as_json:
            print(json.dumps(error.attrs(), indent=2, ensure_ascii=False, default=str))
        else:
            print(error, file=sys.stderr)
        return WRONG_USE if isinstance(error, UsageError | NotSupportedYet) else FINDINGS
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has enough of it; Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE
    return code


def _refuse_undecodable(words: list[str]) -> None:
    """Refuse bytes that are no text: neither a file in UTF-8, nor the ledger, nor a terminal takes what Python makes of them."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            problem = f"The argument {word!a} is not UTF-8 text."
            raise UsageError(problem, next_step="Write it in UTF-8; give a file another name.") from None


def _run(words: list[str]) -> int:
    command_line = _command_line()
    if not words:
        command_line.print_help(sys.stderr)
        return WRONG_USE
    args = command_line.parse_args(words)
    verb = VERBS.get(args.verb)
    if verb is None:
        near = closest(args.verb, VERBS)
        next_step = f"Did you mean {near!r}?" if near else "outcamp --help lists the verbs."
        raise UsageError(f"There is no verb {args.verb!r}.", next_step=next_step)
    module = cast("VerbModule", importlib.import_module(verb.module))
    parser = argparse.ArgumentParser(prog=f"outcamp {args.verb}", description=f"{verb.does[0].upper()}{verb.does[1:]}.", allow_abbrev=False)
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    module.add_arguments(parser)
    return module.run(parser.parse_args(args.rest))


def _command_line() -> argparse.ArgumentParser:
    width = max(map(len, VERBS))
    lines = [f"  {name:{width}}  {verb.does}" for name, verb in VERBS.items()]
    parser = argparse.ArgumentParser(
        prog="outcamp",
        description="Outbound campaigns on Apache Airflow.",
        epilog="\n".join(["verbs:", *lines, "", "outcamp VERB --help explains a verb. Exit codes: 0 fine, 1 findings, 2 wrong use."]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"outcamp {__version__}")
    parser.add_argument("verb", metavar="VERB", help="what to do")
    parser.add_argument("rest", metavar="...", nargs=argparse.REMAINDER, help="its arguments")
    return parser
